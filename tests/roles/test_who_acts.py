"""Who acted, in the ledger and in the history of deploys: the kernel's word before that of a variable."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from milkbot.cli import actor

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "roles/lock/module_utils/milkbot_lock.py"
ME = pwd.getpwuid(os.getuid()).pw_name
Who = Callable[..., str]


def _of_the_lock() -> Any:
    spec = importlib.util.spec_from_file_location("milkbot_lock_of_who", LOCK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["books", "deploys"])
def who(request: pytest.FixtureRequest) -> Who:
    found: Who = actor.acting_user if request.param == "books" else _of_the_lock().acting_user
    return found


@pytest.fixture
def login(tmp_path: Path) -> Path:
    """A loginuid as the kernel shows it where nobody logged in."""
    path = tmp_path / "loginuid"
    path.write_text("4294967295", encoding="ascii")
    return path


def test_the_actor_is_the_login_user_whatever_sudo_and_the_environment_say(who: Who, login: Path) -> None:
    login.write_text(str(pwd.getpwnam("nobody").pw_uid), encoding="ascii")
    assert who({"SUDO_USER": "x", "LOGNAME": "x", "USER": "x"}, login) == "nobody"


def test_a_login_without_an_account_is_named_by_its_number(who: Who, login: Path) -> None:
    login.write_text("987654", encoding="ascii")
    assert who({}, login) == "uid 987654"


@pytest.mark.parametrize("name", ["LOGNAME", "USER", "LNAME", "USERNAME"])
def test_a_variable_alone_names_nobody(who: Who, login: Path, name: str) -> None:
    assert who({name: "x"}, login) == ME


def test_sudo_user_without_a_login_is_marked_as_claimed(who: Who, login: Path) -> None:
    assert who({"SUDO_USER": "anna"}, login) == f"{ME} (SUDO_USER says anna)"
    assert who({"SUDO_USER": ME}, login) == ME


def test_a_claimed_name_is_cleaned_and_cut_in_a_record(who: Who, login: Path) -> None:
    assert who({"SUDO_USER": "a'; DROP\n--" + "x" * 100}, login) == f"{ME} (SUDO_USER says a???DROP?--{'x' * 21})"


def test_without_audit_in_the_kernel_the_actor_is_the_process_user(who: Who, tmp_path: Path) -> None:
    assert who({}, tmp_path / "absent") == ME


def test_the_scripts_of_the_host_name_the_same_actor() -> None:
    asked = subprocess.run([sys.executable, LOCK, "who"], capture_output=True, text=True, check=True, env={})
    assert asked.stdout.strip() == actor.acting_user({})


def test_no_record_takes_its_actor_from_the_environment() -> None:
    """Every line that reads a user's name from a variable, but the two that mark it as claimed, and the one that asks
    who would be shut out of ssh, which records nothing.
    """
    words = (
        r"getuser\(",
        r"getlogin\(",
        "SUDO_USER",
        r"\$\{?(?:LOGNAME|USER)\b",
        r"environ\S*\W(?:LOGNAME|USER)\b",
        "whoami",
    )
    by_variable = re.compile("|".join(words))
    command = ["git", "ls-files", "app", "deployment", "roles", "playbooks"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [name for name in listed.stdout.splitlines() if not (ROOT / name).is_symlink()]
    texts = {name: (ROOT / name).read_bytes().decode("utf-8", "replace") for name in files}
    found = [name for name, text in texts.items() if by_variable.search(text)]
    claimed = ["app/milkbot/cli/actor.py", "roles/lock/module_utils/milkbot_lock.py"]
    assert sorted(found) == [*claimed, "roles/milkbot/module_utils/milkbot_connection.py"]
