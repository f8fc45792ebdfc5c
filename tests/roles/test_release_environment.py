"""The module that builds a release's environment, run as Ansible runs it, on real environments."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask

MODULE = "release/library/release_environment.py"
SOURCES = {"one.py": "NAME = 'one'\n", "package/__init__.py": "", "package/two.py": "NAME = 'two'\n"}


class Environments:
    """Environments of one installer, which links every file from its cache."""

    def __init__(self, top: Path) -> None:
        self.top, self.cache = top, top / "cache"

    def fill_cache(self, files: dict[str, str]) -> None:
        for name, content in files.items():
            path = self.cache / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(content, encoding="utf-8")

    def build(self, name: str, *earlier: str, **given: Any) -> dict[str, Any]:
        there = self.top / name
        commands = [
            [sys.executable, "-m", "venv", "--without-pip", str(there)],
            ["cp", "--recursive", "--link", "--no-target-directory", str(self.cache), str(self.site(name))],
            ["install", "--mode=0666", "/dev/null", str(there / ".lock")],
        ]
        arguments: dict[str, Any] = {
            "commands": commands,
            "directory": str(self.top),
            "environment": str(there),
            "earlier": [str(self.top / other) for other in earlier],
        }
        return ask(MODULE, **arguments | given)

    def site(self, name: str) -> Path:
        return self.top / name / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"

    def bytecode(self, name: str, module: str) -> Path:
        source = self.site(name) / module
        return source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"

    def imported(self, name: str, module: str) -> str:
        """What Python says of where a module's code came from, and the module's name and file."""
        statement = (
            f"import {module} as m; print(m.NAME, m.__file__, m.f.__code__.co_filename if hasattr(m, 'f') else '')"
        )
        done = subprocess.run(
            [self.top / name / "bin/python", "-I", "-v", "-B", "-c", statement],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout + "".join(line for line in done.stderr.splitlines(keepends=True) if str(self.top) in line)


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    made = Environments(tmp_path)
    made.fill_cache(SOURCES)
    return made


def _shared(one: Path, other: Path) -> bool:
    return one.samefile(other)


def test_a_first_environment_is_compiled(environments: Environments) -> None:
    answer = environments.build("first")
    assert (answer["linked"], answer["compiled"], answer["without"]) == (0, 3, [])
    assert "matches" in environments.imported("first", "package.two")


def test_unchanged_modules_share_their_bytecode(environments: Environments) -> None:
    environments.build("first")
    answer = environments.build("second", "first")
    assert (answer["linked"], answer["compiled"]) == (3, 0)
    assert _shared(environments.bytecode("first", "package/two.py"), environments.bytecode("second", "package/two.py"))


def test_python_uses_the_linked_bytecode(environments: Environments) -> None:
    environments.fill_cache({"one.py": "NAME = 'one'\ndef f(): ...\n"})
    environments.build("first")
    environments.build("second", "first")
    said = environments.imported("second", "one")
    path = environments.bytecode("second", "one.py")
    assert f"{path} matches" in said
    # A traceback names the file of this environment, not of the one that compiled it.
    assert said.splitlines()[0].split() == ["one", *[str(environments.site("second") / "one.py")] * 2]


def test_a_changed_module_is_compiled_and_runs(environments: Environments) -> None:
    environments.build("first")
    # As long as before, and of the same second: nothing but the content distinguishes them.
    about = (environments.cache / "one.py").stat()
    environments.fill_cache({"one.py": "NAME = 'new'\n"})
    os.utime(environments.cache / "one.py", (about.st_atime, about.st_mtime))
    answer = environments.build("second", "first")
    assert (answer["linked"], answer["compiled"]) == (2, 1)
    assert environments.imported("second", "one").startswith("new ")
    assert environments.imported("first", "one").startswith("one ")


def test_a_rebuilt_package_shares_its_bytecode(environments: Environments) -> None:
    environments.build("first")
    environments.fill_cache({"one.py": SOURCES["one.py"]})
    os.utime(environments.cache / "one.py", (time.time() + 60,) * 2)
    answer = environments.build("second", "first")
    assert (answer["linked"], answer["compiled"]) == (3, 0)
    assert "matches" in environments.imported("second", "one")


def test_a_pruned_release_leaves_its_successors_bytecode(environments: Environments) -> None:
    environments.build("first")
    environments.build("second", "first")
    subprocess.run(["rm", "-rf", environments.top / "first"], check=True)
    assert "matches" in environments.imported("second", "one")
    # The pruned one may still be named, when somebody removed it manually.
    assert environments.build("third", "first", "second")["linked"] == 3


def test_bytecode_that_others_could_write_is_not_shared(environments: Environments) -> None:
    environments.build("first")
    environments.bytecode("first", "one.py").chmod(0o666)
    stale = environments.bytecode("first", "package/two.py")
    stale.write_bytes(stale.read_bytes()[:8])
    answer = environments.build("second", "first")
    assert (answer["linked"], answer["compiled"]) == (1, 2)
    assert environments.bytecode("second", "one.py").stat().st_mode & 0o777 == 0o644


def test_a_killed_build_is_completed_by_the_next_run(environments: Environments) -> None:
    environments.build("first")
    environments.build("second", "first")
    environments.bytecode("second", "one.py").unlink()
    (environments.bytecode("second", "one.py").parent / "two.pyc.new").touch()
    answer = environments.build("second", "first", commands=[["true"]])
    assert (answer["linked"], answer["compiled"]) == (1, 0)


def test_a_template_that_is_not_valid_python_does_not_end_the_build(environments: Environments) -> None:
    environments.fill_cache({"template.py": "class {{ name }}\n"})
    answer = environments.build("first")
    assert answer["without"] == [str(environments.site("first") / "template.py")]
    assert answer["compiled"] == 3


def test_a_failing_installer_fails_the_task_with_its_message(environments: Environments) -> None:
    answer = environments.build("first", commands=[["sh", "-c", "echo no such index >&2; exit 2"]])
    assert answer["failed"] is True
    assert "ended with 2: no such index" in answer["msg"]


def test_nobody_else_may_write_the_installers_lock(environments: Environments) -> None:
    environments.build("first")
    found = subprocess.run(
        ["find", environments.top / "first", "!", "-type", "l", "-perm", "/022"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout == ""
