"""The module that goes through a list of checks, run as Ansible runs it."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from tests.roles.modules import ask


def _health(*rows: tuple[str, str, str, str], code: int) -> str:
    """A health check that prints such rows as JSON."""
    names = ("state", "name", "value", "remedy")
    found = json.dumps({"rows": [dict(zip(names, row, strict=True)) for row in rows]})
    return shlex.join(["sh", "-c", f"echo {shlex.quote(found)}; exit {code}"])


ROWS = _health(("ok", "nginx.service", "active", ""), ("fail", "log of milkbot-trader", "bad", "look"), code=2)


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
    assert [row["state"] for row in answer["table"]] == ["fail", "fail", "ok", "fail"]
    assert "echo inactive: left with 0 and said: inactive" in answer["msg"]
    assert "there-is-no-such-program: left with 127" in answer["msg"]
    assert answer["failures"][:2] == [
        {"state": "fail", "name": "echo inactive", "value": "left with 0 and said: inactive", "fix": ""},
        {"state": "fail", "name": "false", "value": "left with 1 and said: nothing", "fix": ""},
    ]


def test_a_failing_row_fails_the_checklist_and_is_named() -> None:
    answer = _ask({"command": ROWS, "rows": True})
    assert answer["failed"] is True
    assert answer["failing"] == ["log of milkbot-trader"]
    assert "log of milkbot-trader: bad -> look" in answer["msg"]
    assert "nginx" not in answer["msg"]
    assert [row["state"] for row in answer["table"]] == ["ok", "fail"]
    assert answer["failures"] == [{"state": "fail", "name": "log of milkbot-trader", "value": "bad", "fix": "look"}]


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
    rows = _health(("ok", "nginx.service", "active", ""), code=code)
    assert _ask({"command": rows, "rows": True})["failed"] is True


@pytest.mark.parametrize(("state", "code", "failed"), [("ok", 0, False), ("warn", 1, False), ("fail", 2, True)])
def test_a_failing_row_ends_an_update_and_a_warning_does_not(state: str, code: int, *, failed: bool) -> None:
    answer = _ask({"command": _health((state, "nginx.service", "it is so", ""), code=code), "rows": True})
    row = {"state": state, "name": "nginx.service", "value": "it is so", "fix": ""}
    assert (answer.get("failed", False), answer["table"]) == (failed, [row])
