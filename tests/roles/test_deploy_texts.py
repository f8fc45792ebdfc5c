"""What update.yml, releases.yml and history.yml print."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.roles.rendering import ROLES, evaluate, plugin

DIFFERENCES = plugin("update/filter_plugins/differences.py")
TABLES = plugin("release/filter_plugins/tables.py")
SMOKE = plugin("update/filter_plugins/smoke.py")


def test_the_plan_names_every_dependency_that_changes() -> None:
    before = {"httpx2": "2.16", "pandas": "2.2", "rich": "15"}
    after = {"httpx2": "2.17", "numpy": "2", "rich": "15"}
    changes = ["httpx2 2.16 -> 2.17", "numpy not there -> 2", "pandas 2.2 -> not there"]
    assert DIFFERENCES.lock_changes([before, after]) == changes


def test_the_plan_names_every_migration() -> None:
    assert DIFFERENCES.migrations([["0001.py", "0002.py"], ["0001.py", "0003.py"]]) == [
        "0003.py",
        "0002.py is not in the coming version",
    ]


def test_the_report_says_why_the_release_before_does_not_work() -> None:
    rows = [
        {"role": "milkbot_trader", "check": "begin_tick", "verdict": "ok", "ms": 1, "detail": None},
        {"role": "milkbot_trader", "check": "save_fill", "verdict": "fail", "ms": 1, "detail": "no column fee"},
    ]
    assert SMOKE.smoke_failures(json.dumps(rows), "a warning") == "save_fill as milkbot_trader: no column fee"
    assert (
        SMOKE.smoke_failures("", "milkbot: the database does not answer\n") == "milkbot: the database does not answer"
    )
    assert SMOKE.smoke_failures("", "") == "it said nothing"


WORKS = {"rc": 0, "stdout": "[]", "stderr": ""}
WORKS_NOT = {"rc": 1, "stdout": "", "stderr": "no column fee"}
FOUND = "a does not work on the new schema:\nno column fee"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"__update_smoke": WORKS}, ""),
        ({"__update_smoke": WORKS_NOT}, ""),
        ({"__update_smoke": WORKS, "update_contracting": True}, ""),
        ({"__update_smoke": WORKS_NOT, "update_contracting": True}, FOUND),
        (
            {"__update_smoke": {"rc": 2, "stdout": "", "stderr": "Usage\n No such command 'smoke'."}},
            "a was not tried on the new schema: it has no such command yet.",
        ),
        # Another wrong usage is a failure.
        ({"__update_smoke": {"rc": 2, "stdout": "", "stderr": "No such option: --json"}}, ""),
        ({"_update_before": ""}, "There is no version from before to try on the new schema."),
    ],
)
def test_a_release_before_that_was_not_tried_is_reported(given: dict[str, Any], said: str) -> None:
    assert evaluate("_update_smoke_said", **({"_update_before": "a", "_update_smoke_found": FOUND} | given)) == said


def test_a_release_is_listed_with_its_result() -> None:
    release = {"id": "a", "live": True, "complete": True, "result": "good", "schema": "0008", "created_at": "now"}
    bad = {**release, "id": "b", "live": False, "result": "bad", "reason": "two\nlines"}
    shown = TABLES.release_table([{**release, "reason": "", "bytes": 1_500_000}, {**bad, "bytes": 0}])
    assert [line.split() for line in shown[1:]] == [
        ["b", "bad", "0008", "0.0", "MB"],
        ["two", "lines"],
        ["a", "live", "good", "0008", "1.5", "MB"],
    ]


def test_the_lists_of_releases_and_deploys_fit_eighty_columns() -> None:
    names = {"id": "20260101T000000Z-0123456789ab", "live": True, "complete": True, "schema": "0011", "bytes": 1e9}
    releases = [{**names, "result": result, "reason": 90 * "why "} for result in ("", "good", "bad")]
    entry = {"at": "2026-01-01T00:00:00Z", "action": "provision", "result": "returned", "release": names["id"]}
    line = json.dumps({**entry, "before": names["id"], "by": "operator@a-control-node", "reason": 90 * "why "})
    for shown in (TABLES.release_table(releases), TABLES.history_table(f"{line}\n{line}\n")):
        assert max(map(len, shown)) <= 76
    assert f"    from {names['id']}, by operator@a-control-node" in TABLES.history_table(line)


def test_a_line_of_the_history_that_was_cut_is_shown_as_unreadable() -> None:
    entry = {"at": "now", "action": "deploy", "result": "good", "release": "a", "before": None}
    shown = TABLES.history_table(f'{{"at": "no\n{json.dumps(entry)}\n')
    assert [line.split()[0] for line in shown] == ["at", "unreadable", '{"at":', "now"]


@pytest.mark.parametrize(
    ("tasks", "fact"),
    [("update/tasks/return.yml", "__update_reason"), ("rollback/tasks/stay.yml", "__rollback_reason")],
)
def test_the_output_of_a_secret_task_is_never_the_reason(tasks: str, fact: str) -> None:
    facts = yaml.safe_load((ROLES / tasks).read_text("utf-8"))[0]["ansible.builtin.set_fact"]
    # Ansible hands the whole failure of such a task to a rescue.
    failed = {"ansible_failed_result": {"msg": "hush", "stderr": "hush"}}
    parts = facts[fact].strip().removeprefix("{{").removesuffix("}}").strip()
    secret = evaluate(parts, **failed, ansible_failed_task={"name": "Write it", "no_log": True})
    assert "hush" not in secret
    assert "no_log" in secret
    assert "hush" in evaluate(parts, **failed, ansible_failed_task={"name": "Write it", "no_log": False})
