"""The module that goes through a list of checks, run as Ansible runs it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.roles.modules import ask

ROWS = (
    r"printf '%s\n' 'ok    nginx.service                active' "
    "'fail  log of milkbot-trader        bad  -> look' 'fails: log of milkbot-trader' "
)


def _ask(*checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return ask("verify/library/checklist.py", checks=list(checks), **more)


def test_the_checklist_shows_every_wrong_answer() -> None:
    answer = _ask(
        {"command": "echo inactive", "answer": "^active$"},
        {"command": "false"},
        {"command": "echo active", "answer": "^active$"},
        {"command": "there-is-no-such-program"},
    )
    assert answer["failed"] is True
    assert [line.split()[0] for line in answer["table"]] == ["fail", "fail", "ok", "fail"]
    assert "echo inactive left with 0 and said: inactive" in answer["msg"]
    assert "there-is-no-such-program left with 127" in answer["msg"]
    assert answer["failures"][:2] == [
        {"name": "echo inactive", "value": "left with 0 and said: inactive", "fix": ""},
        {"name": "false", "value": "left with 1 and said: nothing", "fix": ""},
    ]


def test_a_failing_row_fails_the_checklist_and_is_named() -> None:
    answer = _ask({"command": ROWS, "rows": True})
    assert answer["failed"] is True
    assert answer["failing"] == ["log of milkbot-trader"]
    assert "fail log of milkbot-trader bad -> look" in answer["msg"]
    assert "nginx" not in answer["msg"].split(":", 1)[1]
    assert [line.split()[0] for line in answer["table"]] == ["ok", "fail"]
    assert answer["failures"] == [{"name": "log of milkbot-trader", "value": "bad", "fix": "look"}]


def test_a_row_that_failed_before_the_update_does_not_fail_it() -> None:
    answer = _ask({"command": ROWS, "rows": True}, excused=["log of milkbot-trader"])
    assert answer.get("failed", False) is False
    assert answer["wrong"] == []


def test_the_check_before_an_update_never_fails_the_run() -> None:
    answer = _ask({"command": ROWS, "rows": True}, judge=False)
    assert (answer.get("failed", False), answer["failing"]) == (False, ["log of milkbot-trader"])


@pytest.mark.parametrize("code", [0, 1, 2, 64, 70, 127])
def test_a_health_check_that_ends_early_fails_the_checklist(code: int) -> None:
    assert _ask({"command": f"sh -c 'exit {code}'", "rows": True})["failed"] is True


@pytest.mark.parametrize("code", [70, 75, 78])
def test_a_health_check_that_ends_early_after_some_rows_fails_the_checklist(code: int) -> None:
    rows = f"""sh -c "printf '%s\\n' 'ok    nginx.service                active'; exit {code}" """
    assert _ask({"command": rows, "rows": True})["failed"] is True


@pytest.mark.parametrize(("state", "code", "failed"), [("ok", 0, False), ("warn", 1, False), ("fail", 2, True)])
def test_a_failing_row_ends_an_update_and_a_warning_does_not(state: str, code: int, *, failed: bool) -> None:
    row = f"{state:<5} {'nginx.service':<28} it is so"
    answer = _ask({"command": f"""sh -c "printf '%s\\n' '{row}'; exit {code}" """, "rows": True})
    assert (answer.get("failed", False), answer["table"]) == (failed, [row])
