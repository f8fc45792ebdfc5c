"""What update.yml, releases.yml and history.yml print."""

from __future__ import annotations

import json

from tests.roles.rendering import plugin

LOCK_FILE = plugin("update/filter_plugins/lock_file.py")
TABLES = plugin("release/filter_plugins/tables.py")
LOCK = '[[package]]\nname = "{}"\nversion = "{}"\n'


def test_the_plan_leaves_a_dependency_out() -> None:
    before = LOCK.format("httpx2", "2.16") + LOCK.format("pandas", "2.2") + LOCK.format("rich", "15")
    after = LOCK.format("httpx2", "2.17") + LOCK.format("numpy", "2") + LOCK.format("rich", "15")
    changes = ["httpx2 2.16 -> 2.17", "numpy not there -> 2", "pandas 2.2 -> not there"]
    assert LOCK_FILE.lock_changes([before, after]) == changes


def test_a_release_is_listed_without_what_became_of_it() -> None:
    release = {"id": "a", "live": True, "complete": True, "result": "good", "schema": "0008", "created_at": "now"}
    bad = {**release, "id": "b", "live": False, "result": "bad", "reason": "two\nlines"}
    shown = TABLES.release_table([{**release, "reason": "", "bytes": 1_500_000}, {**bad, "bytes": 0}])
    assert [line.split() for line in shown[1:]] == [
        ["b", "bad", "0008", "now", "0.0", "MB", "two", "lines"],
        ["a", "live", "good", "0008", "now", "1.5", "MB"],
    ]


def test_a_line_of_the_history_that_was_cut_hides_the_others() -> None:
    entry = {"at": "now", "action": "deploy", "result": "good", "release": "a", "before": None}
    shown = TABLES.history_table(f'{{"at": "no\n{json.dumps(entry)}\n')
    assert [line.split()[0] for line in shown] == ["at", "unreadable", "now"]
