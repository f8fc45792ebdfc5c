"""What rollback.yml takes back for which tags, and what its emergency says of what it could not do."""

from __future__ import annotations

from typing import Any

import pytest
from tests.roles.rendering import evaluate

OLD = {
    "id": "old",
    "path": "/r/old",
    "live": False,
    "complete": True,
    "result": "good",
    "live_at": "1",
    "schema": "0007",
}
NEW = {
    "id": "new",
    "path": "/r/new",
    "live": True,
    "complete": True,
    "result": "good",
    "live_at": "2",
    "schema": "0008",
}
KNOWN = {"releases": [OLD, NEW], "live": "new", "previous": "old"}
LOSS = '{"file": "/b.sql.gz", "schema": "0008", "minutes": 5, "rows": 7, "shown": []}'
DONE = {"rc": 0, "stdout_lines": ["2 of 2 resting orders canceled"], "stderr_lines": []}
LEFT = {"rc": 69, "stdout_lines": [], "stderr_lines": ["not known to be canceled: order-1 (KXHIGHNY)"]}


def _asked(expression: str, *tags: str, **given: Any) -> Any:
    return evaluate(expression, ansible_run_tags=list(tags), __rollback_known=KNOWN, **given)


@pytest.mark.parametrize(
    ("tags", "code", "after"),
    [
        (["all"], True, "old"),
        (["database"], False, "new"),
        (["database", "migrations"], False, "new"),
        (["code", "database"], True, "old"),
        (["emergency"], True, "old"),
    ],
)
def test_the_code_is_rolled_back_only_with_its_tag(tags: list[str], *, code: bool, after: str) -> None:
    assert _asked("_rollback_code", *tags) is code
    assert _asked("_rollback_after.id", *tags) == after


def test_the_default_backup_is_one_of_the_releases_schema() -> None:
    assert _asked("_rollback_inspect", "database")[-2:] == ["--schema", "0008"]
    assert _asked("_rollback_inspect", "code", "database")[-2:] == ["--schema", "0007"]
    assert _asked("_rollback_inspect", "database", backup="/b.sql.gz")[-1] == "/b.sql.gz"


def test_a_restore_replaces_the_downgrade_of_the_schema() -> None:
    given = {"__rollback_schema": {"stdout": "0008"}}
    assert _asked("_rollback_downgrade", "code", "migrations", **given) is True
    assert _asked("_rollback_downgrade", "code", "database", **given) is False


@pytest.mark.parametrize(
    ("answer", "given", "yes"), [("yes", {}, True), ("y", {}, False), ("", {"confirm": "yes"}, True)]
)
def test_only_yes_confirms(answer: str, given: dict[str, Any], *, yes: bool) -> None:
    assert _asked("_rollback_confirmed", "database", __rollback_answer={"user_input": answer}, **given) is yes


def _report(**given: Any) -> tuple[bool, str]:
    known = {
        "confirm": True,
        "__rollback_halt": {"rc": 0, "stderr": ""},
        "__rollback_cancel": DONE,
        "__rollback_inspected": {"stdout": LOSS},
        "__rollback_restored": {"rc": 0},
        "__rollback_health": {"rc": 0, "stdout_lines": []},
        **given,
    }
    return _asked("_rollback_all_done", "emergency", **known), _asked("_rollback_report", "emergency", **known)


def test_a_complete_emergency_is_reported_as_complete() -> None:
    done, text = _report()
    assert done
    assert "NOT" not in text
    assert "new -> old" in text
    assert "5 minutes and 7 rows were lost" in " ".join(text.split())


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"__rollback_cancel": LEFT}, "order-1"),
        ({"__rollback_cancel": LEFT, "__rollback_cancel_before": LEFT}, "order-1"),
        ({"__rollback_no_code": "it does not start"}, "new remains: it does not start"),
        ({"__rollback_no_backup": "there is no backup"}, "NOT restored: there is no backup"),
        ({"confirm": False, "__rollback_restored": {}}, "untouched: nobody said yes"),
        (
            {"__rollback_halt": {"rc": 71, "stderr": "no database"}, "__rollback_restored": {}},
            "COULD NOT BE HALTED (no database)",
        ),
    ],
)
def test_an_emergency_reports_what_it_could_not_do(given: dict[str, Any], word: str) -> None:
    done, text = _report(**given)
    assert not done
    assert "NOT EVERYTHING WAS DONE" in text
    assert word in text


def test_an_emergency_uses_the_release_before_when_the_live_one_cannot_act() -> None:
    broken = {"rc": 1, "stdout_lines": [], "stderr_lines": ["broken"]}
    done, text = _report(
        __rollback_halt={"rc": 1, "stderr": "broken"},
        __rollback_halt_before={"rc": 0},
        __rollback_cancel=broken,
        __rollback_cancel_before=DONE,
    )
    assert done
    assert "2 of 2 resting orders canceled" in text
    assert _asked("_rollback_by_before", "emergency")[-1] == "/r/old/venv/bin/milkbot"
