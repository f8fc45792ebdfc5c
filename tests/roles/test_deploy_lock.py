"""The lock's module, run as Ansible runs it, and the control node's judgement of an owner."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from tests.roles.modules import ask
from tests.roles.rendering import plugin

ONE, OTHER = {"run": "one", "user": "ann"}, {"run": "other", "user": "bob"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deploy.json"


def _ask(path: Path, **arguments: Any) -> dict[str, Any]:
    return ask("lock/library/deploy_lock.py", path=str(path), **arguments)


def test_two_runs_hold_it(path: Path) -> None:
    assert _ask(path, state="held", owner=ONE)["holder"] == ONE
    answer = _ask(path, state="held", owner=OTHER)
    assert (answer["holder"], answer["changed"]) == (ONE, False)


def test_of_many_at_once_more_than_one_gets_it(path: Path) -> None:
    owners = [{"run": f"run {number}"} for number in range(12)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        answers = list(pool.map(lambda owner: _ask(path, state="held", owner=owner), owners))
    assert sum(answer["changed"] for answer in answers) == 1
    assert len({answer["holder"]["run"] for answer in answers}) == 1


def test_somebody_else_frees_it(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    assert _ask(path, state="free", owner=OTHER)["holder"] == ONE
    assert _ask(path, state="free", owner=ONE)["holder"] is None


def test_force_leaves_it(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    assert _ask(path, state="free", force=True)["holder"] is None


def test_it_is_taken_over_from_the_wrong_run(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    assert _ask(path, state="held", owner=OTHER, instead_of="a third")["holder"] == ONE
    assert _ask(path, state="held", owner=OTHER, instead_of="one")["holder"] == OTHER


def test_what_a_dead_run_began_goes_on(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    left = subprocess.Popen(["sleep", "600"], env=os.environ | {"MILKBOT_RUN": "one"})
    other = subprocess.Popen(["sleep", "600"], env=os.environ | {"MILKBOT_RUN": "one more"})
    try:
        # Reaped here, as its own shell would on a server: until then it is a process that cannot be killed again.
        with ThreadPoolExecutor() as pool:
            ended = pool.submit(left.wait)
            _ask(path, state="held", owner=OTHER, instead_of="one")
            assert ended.result(timeout=10) == -9
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_a_file_that_is_cut_counts_as_free(path: Path) -> None:
    path.write_text('{"run": "o', "utf-8")
    assert _ask(path, state="held", owner=ONE)["holder"] == {"run": "unknown"}


def test_check_mode_takes_it(path: Path) -> None:
    assert _ask(path, state="held", owner=ONE, check=True)["holder"] is None
    assert not path.exists()


@pytest.fixture(scope="module")
def judge() -> ModuleType:
    """The action plugin, which Ansible finds by its file."""
    return plugin("lock/action_plugins/deploy_lock.py")


def test_a_live_owner_is_taken_for_dead(judge: ModuleType) -> None:
    assert not judge.provably_dead(judge.owner("a test"))


def test_an_owner_that_ended_is_taken_for_alive(judge: ModuleType) -> None:
    process = subprocess.Popen(["sleep", "600"])
    run = f"host:{judge.boot_id()}:{process.pid}:{judge.started(process.pid)}"
    assert not judge.provably_dead({"run": run})
    process.kill()
    process.wait()
    assert judge.provably_dead({"run": run})


def test_a_number_that_another_process_has_now_is_taken_for_the_owner(judge: ModuleType) -> None:
    assert judge.provably_dead({"run": f"host:{judge.boot_id()}:{os.getpid()}:1"})


def test_check_mode_asks_for_a_dead_owners_lock_for_ever(judge: ModuleType) -> None:
    dead = {"run": f"host:{judge.boot_id()}:{os.getpid()}:1"}
    answers = iter([{"holder": dead}])
    action = object.__new__(judge.ActionModule)
    action._task, action._display = SimpleNamespace(check_mode=True), Mock()
    action._ask = lambda *_: next(answers)
    taken = action._take({"owner": judge.owner("a test")}, {"holder": dead}, 0.0, None)
    assert "failed" not in taken
    action._display.warning.assert_called_once()


@pytest.mark.parametrize("run", ["host:another-boot:1:1", "unknown", ""])
def test_an_owner_of_whom_nothing_is_known_is_taken_for_dead(judge: ModuleType, run: str) -> None:
    assert not judge.provably_dead({"run": run})
