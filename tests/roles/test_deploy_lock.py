"""The lock's module, run as Ansible runs it, the script's way to it, and the judgement of an owner."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from tests.patience import PATIENCE
from tests.roles.modules import ask
from tests.roles.rendering import plugin

ONE, OTHER = {"run": "one", "user": "ann"}, {"run": "other", "user": "bob"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deploy.json"


def _ask(path: Path, **arguments: Any) -> dict[str, Any]:
    return ask("lock/library/deploy_lock.py", path=str(path), **arguments)


def test_one_run_holds_the_lock_at_a_time(path: Path) -> None:
    assert _ask(path, state="held", owner=ONE)["holder"] == ONE
    answer = _ask(path, state="held", owner=OTHER)
    assert (answer["holder"], answer["changed"]) == (ONE, False)


def test_exactly_one_of_many_simultaneous_runs_gets_the_lock(path: Path) -> None:
    owners = [{"run": f"run {number}"} for number in range(12)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        answers = list(pool.map(lambda owner: _ask(path, state="held", owner=owner), owners))
    assert sum(answer["changed"] for answer in answers) == 1
    assert len({answer["holder"]["run"] for answer in answers}) == 1


def test_only_its_owner_frees_the_lock(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    assert _ask(path, state="free", owner=OTHER)["holder"] == ONE
    assert _ask(path, state="free", owner=ONE)["holder"] is None


def test_force_frees_the_lock(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    assert _ask(path, state="free", force=True)["holder"] is None


def test_the_lock_is_replaced_only_if_the_named_run_holds_it(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    assert _ask(path, state="held", owner=OTHER, instead_of="a third")["holder"] == ONE
    assert _ask(path, state="held", owner=OTHER, instead_of="one")["holder"] == OTHER


def test_the_processes_of_a_dead_run_are_ended_and_no_others(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    left = subprocess.Popen(["sleep", "600"], env=os.environ | {"MILKBOT_RUN": "one"})
    other = subprocess.Popen(["sleep", "600"], env=os.environ | {"MILKBOT_RUN": "one more"})
    try:
        # Reaped here, as its own shell would on a server: until then it is a process that cannot be killed again.
        with ThreadPoolExecutor() as pool:
            ended = pool.submit(left.wait)
            _ask(path, state="held", owner=OTHER, instead_of="one")
            assert ended.result(timeout=PATIENCE) == -9
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_a_lock_file_that_was_cut_counts_as_held(path: Path) -> None:
    path.write_text('{"run": "o', "utf-8")
    assert _ask(path, state="held", owner=ONE)["holder"] == {"run": "unknown"}


def test_check_mode_never_takes_the_lock(path: Path) -> None:
    assert _ask(path, state="held", owner=ONE, check=True)["holder"] is None
    assert not path.exists()


LOCK = plugin("lock/module_utils/milkbot_lock.py")


def _run(pid: int, began: str | None = None, *, boot: str = "", namespace: str = "") -> str:
    return f"host:{boot or LOCK.boot_id()}:{pid}:{began}:{namespace or LOCK.pid_namespace()}"


def _ended() -> str:
    """The run of a process that is gone."""
    process = subprocess.Popen(["sleep", "600"])
    run = _run(process.pid, LOCK.started(process.pid))
    process.kill()
    process.wait()
    return run


def test_a_live_owner_never_counts_as_dead() -> None:
    assert not LOCK.provably_dead(LOCK.owner("a test", os.getpid()))


def test_an_owner_that_ended_counts_as_dead() -> None:
    assert LOCK.provably_dead({"run": _ended()})


def test_an_owner_whose_process_number_was_reused_counts_as_dead() -> None:
    assert LOCK.provably_dead({"run": _run(os.getpid(), "1")})


# A container shares the boot of its host, but not its numbers of processes.
@pytest.mark.parametrize(
    "run", [_run(1, "1", boot="another-boot"), _run(1, "1", namespace="1"), "host:another-boot:1:1", "unknown", ""]
)
def test_an_unknown_owner_never_counts_as_dead(run: str) -> None:
    assert not LOCK.provably_dead({"run": run})


def test_the_lock_of_a_dead_owner_on_the_host_passes_to_the_next_run(path: Path) -> None:
    dead = {"run": _ended(), "purpose": "restore-database.sh", "user": "ann"}
    _ask(path, state="held", owner=dead)
    assert _ask(path)["dead"]
    answer = _ask(path, state="held", owner=OTHER)
    assert (answer["holder"], answer["taken_from"]) == (OTHER, dead)


def test_a_live_owner_on_the_host_keeps_the_lock(path: Path) -> None:
    alive = LOCK.owner("restore-database.sh", os.getpid())
    _ask(path, state="held", owner=alive)
    answer = _ask(path, state="held", owner=OTHER)
    assert (answer["holder"], answer["taken_from"], answer["dead"]) == (alive, None, False)


def _script(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command that a script on the host takes it by."""
    command = [sys.executable, str(LOCK.__file__), "--file", str(path), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_script_is_refused_while_a_run_holds_the_lock(path: Path) -> None:
    _ask(path, state="held", owner=ONE)
    done = _script(path, "take", "--pid", str(os.getpid()), "--purpose", "a script")
    assert done.returncode == 75
    assert "the lock is held by" in done.stderr
    assert "of ann" in done.stderr
    assert "unlock.yml" in done.stderr


def test_a_run_is_refused_while_a_script_holds_the_lock(path: Path) -> None:
    taken = _script(path, "take", "--pid", str(os.getpid()), "--purpose", "a script")
    assert taken.returncode == 0
    assert _ask(path, state="held", owner=OTHER)["holder"]["purpose"] == "a script"
    _script(path, "free", "--run", "another")
    assert _ask(path)["holder"]["run"] == taken.stdout.strip()
    _script(path, "free", "--run", taken.stdout.strip())
    assert _ask(path)["holder"] is None


def test_a_script_takes_the_lock_of_a_killed_script(path: Path) -> None:
    _ask(path, state="held", owner={"run": _ended(), "purpose": "a script", "user": "ann"})
    done = _script(path, "take", "--pid", str(os.getpid()), "--purpose", "another script")
    assert done.returncode == 0
    assert "passes to this run: its owner, a script of ann" in done.stderr


PLUGIN = plugin("lock/action_plugins/deploy_lock.py")


def test_check_mode_continues_past_a_dead_owners_lock() -> None:
    dead = {"run": _run(os.getpid(), "1")}
    answers = iter([{"holder": dead}])
    action = object.__new__(PLUGIN.ActionModule)
    action._task, action._display = SimpleNamespace(check_mode=True), Mock()
    action._ask = lambda *_: next(answers)
    taken = action._take({"owner": LOCK.owner("a test", os.getpid())}, {"holder": dead}, 0.0, None)
    assert "failed" not in taken
    action._display.warning.assert_called_once()


def test_taking_the_lock_of_a_dead_owner_is_reported() -> None:
    mine, dead = LOCK.owner("a test", os.getpid()), {"run": "elsewhere", "purpose": "restore-database.sh"}
    action = object.__new__(PLUGIN.ActionModule)
    action._task, action._display = SimpleNamespace(check_mode=False), Mock()
    taken = action._take({"owner": mine}, {"holder": mine, "taken_from": dead}, 0.0, None)
    assert "failed" not in taken
    assert "restore-database.sh" in action._display.warning.call_args.args[0]


def test_a_dead_owner_is_shown_as_gone() -> None:
    holder = {"run": "elsewhere", "purpose": "restore-database.sh"}
    assert "it is gone" in PLUGIN.shown({"holder": holder, "dead": True})
    assert "it is gone" not in PLUGIN.shown({"holder": holder, "dead": False})
