"""The folder that mutmut works in: the code as `src`, and the tests of what is mutated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "test-results" / "mutation"
PACKAGES = ("domain", "risk")
ORDER_PATH = (
    "trader/orders/*",
    "trader/decide/exits",
    "trader/decide/resting",
    "trader/reconcile/*",
    "trader/refused",
    "venue/outcomes",
    "venue/refusals",
)
"""Modules of the order path: what was measured and judged."""
MUTATED = (*(f"{package}/*.py" for package in PACKAGES), *(f"{module}.py" for module in ORDER_PATH))
"""What faults are put into, below app/milkbot."""
TESTS = (
    *PACKAGES,
    "trader/orders",
    "trader/reconcile",
    "trader/decide/test_exits.py",
    "trader/decide/test_resting.py",
    "trader/test_refused.py",
    "venue/test_order_outcomes.py",
    "venue/test_refusals.py",
)
# In addition to the code and its tests: what these tests read and import, with all shared modules of the tests.
_NEEDED = ("docs/risk.md", "tests/*.py", "tests/unit/conftest.py")

# pytest starts anew for each mutant: the plugins that collect all garbage at its end take half of that time.
_UNUSED = ("cacheprovider", "logging", "threadexception", "unraisableexception")
# The constant is in seconds: on a busy machine a run of a few tests waits for longer than mutmut's one.
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
pytest_add_cli_args = {options}
timeout_constant = 4.0
use_git_change_detection = false
"""


def prepare(work: Path = WORK, mutated: Sequence[str] = MUTATED) -> None:
    """Make the folder anew from the checkout. `mutated` are patterns of files below app/milkbot."""
    shutil.rmtree(work, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "app" / "milkbot", work / "src" / "milkbot", ignore=ignored)
    for folder in (*PACKAGES, "trader", "venue"):
        shutil.copytree(ROOT / "tests" / "unit" / folder, work / "tests" / "unit" / folder, ignore=ignored)
    (work / "docs").mkdir()
    for file in (found for pattern in _NEEDED for found in ROOT.glob(pattern)):
        shutil.copy(file, work / file.relative_to(ROOT))
    configuration = _CONFIGURATION.format(
        mutated=json.dumps([f"src/milkbot/{pattern}" for pattern in mutated]),
        tests=json.dumps([f"tests/unit/{selected}" for selected in TESTS]),
        options=json.dumps(["--hypothesis-profile=mutation", *(f"-pno:{plugin}" for plugin in _UNUSED)]),
    )
    (work / "pyproject.toml").write_text(configuration, encoding="utf-8")


def mutmut(*arguments: str, work: Path = WORK) -> subprocess.CompletedProcess[str]:
    """Run mutmut there, on two processors at the lowest priority; its output is returned and not shown."""
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["nice", "-n", "19", str(Path(sys.executable).with_name("mutmut")), *arguments]
    return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
