"""Which release a rollback without a name returns to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.roles.rendering import ROLES, evaluate


def _asked(expression: str, *releases: dict[str, Any], previous: str, **given: Any) -> Any:
    whole = [{"complete": True, "reason": "", **release} for release in releases]
    live = next(release["id"] for release in whole if release["live"])
    return evaluate(expression, __rollback_known={"releases": whole, "live": live, "previous": previous}, **given)


def _chosen(*releases: dict[str, Any], previous: str, **given: Any) -> Any:
    return _asked("_rollback_id", *releases, previous=previous, **given)


def _release(name: str, *, live: bool, result: str, live_at: str) -> dict[str, Any]:
    return {"id": name, "live": live, "result": result, "live_at": live_at}


def test_a_rollback_chooses_the_release_that_was_live_before() -> None:
    old, new = (
        _release("old", live=False, result="good", live_at="1"),
        _release("new", live=True, result="good", live_at="2"),
    )
    assert _chosen(old, new, previous="old") == "old"
    assert _chosen(old, new, previous="old", release="another") == "another"


def test_a_rollback_killed_after_the_switch_keeps_its_target() -> None:
    oldest = _release("oldest", live=False, result="good", live_at="1")
    target = _release("target", live=True, result="good", live_at="2")
    left = _release("left", live=False, result="bad", live_at="3")
    assert _chosen(oldest, target, left, previous="oldest") == "target"


def test_after_an_update_killed_after_the_switch_the_release_before_is_chosen() -> None:
    old, new = (
        _release("old", live=False, result="good", live_at="1"),
        _release("new", live=True, result="", live_at=""),
    )
    assert _chosen(old, new, previous="old") == "old"


def test_without_an_earlier_release_none_is_chosen() -> None:
    assert _chosen(_release("only", live=True, result="good", live_at="1"), previous="") == ""


def test_a_rollback_names_the_release_that_it_rolled_back_from() -> None:
    old = _release("old", live=False, result="good", live_at="1")
    new = _release("new", live=True, result="good", live_at="2")
    assert _asked("_rollback_from", old, new, previous="old") == "new"
    assert _asked("_rollback_begun", old, new, previous="old")["before"] == "new"


def test_a_rollback_killed_after_the_switch_names_the_release_it_rolled_back_from() -> None:
    oldest = _release("oldest", live=False, result="good", live_at="1")
    target = _release("target", live=True, result="good", live_at="2")
    left = _release("left", live=False, result="bad", live_at="3")
    assert _asked("_rollback_from", oldest, target, left, previous="oldest") == "left"
    assert _asked("_rollback_begun", oldest, target, left, previous="oldest")["before"] == "left"
    # Also when the target was named, and the target was never marked good.
    unjudged = {**target, "result": "", "live_at": ""}
    assert _asked("_rollback_from", oldest, unjudged, left, previous="oldest", release="target") == "left"


def test_after_a_killed_update_and_rollback_the_rollback_is_completed() -> None:
    """The release that nobody called good was live all the same, until the rollback left it."""
    oldest = _release("oldest", live=False, result="good", live_at="2026-01-01T00:00:00Z")
    target = _release("target", live=False, result="good", live_at="2026-01-02T00:00:00Z")
    left = _release("left", live=True, result="", live_at="")
    note = _asked("_rollback_left", oldest, target, left, previous="target")["left"]
    assert note["result"] == "bad"
    switched = [oldest, {**target, "live": True}, {**left, "live": False, **note}]
    assert _chosen(*switched, previous="oldest") == "target"
    assert _asked("_rollback_from", *switched, previous="oldest") == "left"


PAIR = (
    {**_release("old", live=False, result="good", live_at="1"), "path": "/opt/milkbot/releases/old"},
    {**_release("new", live=True, result="good", live_at="2"), "path": "/opt/milkbot/releases/new"},
)


def _judged(settings: Path) -> subprocess.CompletedProcess[str]:
    """What the earlier release says of the settings; this environment stands for that release's."""
    command = _asked("_rollback_settings_check", *PAIR, previous="old", milkbot_env_file=str(settings))
    assert command[:5] == ["runuser", "-u", "milkbot-owner", "--", "/opt/milkbot/releases/old/venv/bin/milkbot"]
    milkbot = str(Path(sys.executable).with_name("milkbot"))
    return subprocess.run([milkbot, *command[5:]], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["FORECASTER", "FORECASTER_SHADOW"])
def test_a_release_that_lacks_a_forecaster_of_the_settings_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    settings = tmp_path / ".env"
    settings.write_text(f"TRADING_MODE=shadow\n{name}=warm_bias\n", encoding="utf-8")
    done = _judged(settings)
    assert done.returncode not in evaluate("_rollback_settings_taken")
    said = _asked("_rollback_settings_refused", *PAIR, previous="old", __rollback_settings={"stderr": done.stderr})
    assert f"{name} holds warm_bias, which no installed package has" in said
    assert said.startswith("Release old does not take the settings of this host. Nothing was changed.")


def test_a_release_that_takes_the_settings_may_be_returned_to(tmp_path: Path) -> None:
    settings = tmp_path / ".env"
    settings.write_text("TRADING_MODE=shadow\nFORECASTER=normal\n", encoding="utf-8")
    assert _judged(settings).returncode in evaluate("_rollback_settings_taken")


def test_the_settings_are_judged_before_anything_is_changed_also_by_check() -> None:
    tasks = yaml.safe_load((ROLES / "rollback/tasks/choose.yml").read_text("utf-8"))
    (number,) = [at for at, task in enumerate(tasks) if task.get("register") == "__rollback_settings"]
    assert (tasks[number]["check_mode"], tasks[number]["changed_when"]) == (False, False)
    assert tasks[number + 1]["ansible.builtin.assert"]["that"] == "__rollback_settings.rc in _rollback_settings_taken"
    code = yaml.safe_load((ROLES / "rollback/tasks/code.yml").read_text("utf-8"))
    assert code[0]["ansible.builtin.import_tasks"] == "choose.yml"
