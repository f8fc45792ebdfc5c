"""The role packages, and whatever else works with apt: its lock, its origins, its names."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.roles.modules import ask
from tests.roles.rendering import ROLES, evaluate, render, variables

DISTRIBUTIONS = sorted((ROLES / "milkbot/vars").glob("*-*.yml"))
_HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
)


def _distribution(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _tasks(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from _tasks(entry.get(part, []))


def _apt_tasks() -> list[tuple[str, dict[str, Any]]]:
    paths = [*ROLES.glob("*/tasks/*.yml"), *ROLES.glob("*/handlers/*.yml")]
    return [
        (f"{path.relative_to(ROLES)}: {task['name']}", task["ansible.builtin.apt"])
        for path in sorted(paths)
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8")) or [])
        if "ansible.builtin.apt" in task
    ]


def test_every_package_task_waits_equally_long_for_the_lock() -> None:
    tasks = _apt_tasks()
    assert len(tasks) > 5
    assert [name for name, task in tasks if task.get("lock_timeout") != "{{ milkbot_apt_lock_timeout }}"] == []
    seconds = evaluate("milkbot_apt_lock_timeout")
    assert seconds == 600
    assert f"--option=DPkg::Lock::Timeout={seconds}" in evaluate("_upgrade_apt")


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    path = str(tmp_path / "lock-frontend")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", _HOLD, path], text=True, **pipes) as holding:  # type: ignore[call-overload]
        holding.stdout.readline()
        yield path, holding
        holding.kill()


def test_the_holder_of_the_package_lock_is_named(lock: tuple[str, subprocess.Popen[str]]) -> None:
    path, holding = lock
    answer = ask("milkbot/library/apt_lock.py", files=[path])
    assert f"(process {holding.pid}) holds {path}" in answer["holder"]
    late = ask("milkbot/library/apt_lock.py", files=[path], wait=1)
    assert late["failed"]
    assert f"(process {holding.pid})" in late["msg"]


def test_reading_the_holder_of_a_lock_takes_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert ask("milkbot/library/apt_lock.py", files=[str(path), str(tmp_path / "none")], wait=5)["holder"] == ""
    opened = os.open(path, os.O_RDWR)
    fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(opened)


@pytest.mark.parametrize("path", DISTRIBUTIONS, ids=lambda path: path.stem)
def test_only_versioned_packages_of_postgresql_are_installed(path: Path) -> None:
    known = _distribution(path)
    names = [name for name in evaluate("_packages_names", **known) if name.startswith("postgresql")]
    assert names == [f"postgresql-{known['_milkbot_postgres_version']}"]


@pytest.mark.parametrize("path", DISTRIBUTIONS, ids=lambda path: path.stem)
def test_security_updates_come_from_every_repository_that_is_used(path: Path) -> None:
    known = _distribution(path)
    text = render("packages/unattended-upgrades.j2", **known)
    expected = {"deadsnakes": "origin=LP-PPA-deadsnakes,", "pgdg": "origin=apt.postgresql.org,"}
    assert set(known["_milkbot_repositories"]) <= set(expected)
    for name, origin in expected.items():
        assert (origin in text) == (name in known["_milkbot_repositories"])


def test_security_updates_are_enabled_whatever_the_image_has() -> None:
    text = render("packages/unattended-upgrades.j2")
    assert 'APT::Periodic::Enable "1";' in text
    assert 'APT::Periodic::Unattended-Upgrade "1";' in text
    assert 'APT::Periodic::Unattended-Upgrade "0";' in render(
        "packages/unattended-upgrades.j2", packages_unattended=False
    )


def test_adding_a_repository_is_retried() -> None:
    tasks = yaml.safe_load((ROLES / "packages/tasks/repositories.yml").read_text(encoding="utf-8"))
    (adding,) = [task for task in tasks if "ansible.builtin.deb822_repository" in task]
    assert adding["retries"] >= 3
    assert adding["until"] == "__packages_repositories is not failed"


def test_security_updates_use_the_distributions_timers() -> None:
    assert variables()["_packages_timers"] == ["apt-daily.timer", "apt-daily-upgrade.timer"]
