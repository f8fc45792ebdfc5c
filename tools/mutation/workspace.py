"""The folder that mutmut works in: the code as `src`, and the tests of what is mutated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "test-results" / "mutation"
PACKAGES = ("domain", "risk")

_CONFIGURATION = """\
[tool.pytest.ini_options]
pythonpath = ["src", "."]
addopts = "--strict-markers --strict-config --import-mode=importlib"
filterwarnings = ["error"]

[tool.mutmut]
source_paths = ["src"]
only_mutate = {mutated}
also_copy = ["docs"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["--hypothesis-profile=mutation", "-p", "no:cacheprovider"]
use_git_change_detection = false
"""


def prepare(work: Path = WORK) -> None:
    """Make the folder anew from the checkout."""
    shutil.rmtree(work, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "app" / "milkbot", work / "src" / "milkbot", ignore=ignored)
    for package in PACKAGES:
        shutil.copytree(ROOT / "tests" / "unit" / package, work / "tests" / "unit" / package, ignore=ignored)
    (work / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "risk.md", work / "docs")
    for conftest in ("tests/conftest.py", "tests/unit/conftest.py"):
        shutil.copy(ROOT / conftest, work / conftest)
    configuration = _CONFIGURATION.format(
        mutated=json.dumps([f"src/milkbot/{package}/*.py" for package in PACKAGES]),
        tests=json.dumps([f"tests/unit/{package}" for package in PACKAGES]),
    )
    (work / "pyproject.toml").write_text(configuration, encoding="utf-8")


def mutmut(*arguments: str, work: Path = WORK) -> subprocess.CompletedProcess[str]:
    """Run mutmut there, on two processors at the lowest priority; its output is returned and not shown."""
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["nice", "-n", "19", str(Path(sys.executable).with_name("mutmut")), *arguments]
    return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
