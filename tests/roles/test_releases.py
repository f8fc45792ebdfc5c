"""The module that lists, annotates and prunes releases, run as Ansible runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask


def _id(number: int) -> str:
    return f"20260101T00000{number}Z-{number:012x}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Five whole releases, good ones, the last of them live; one that was never finished; and two things of others."""
    top = tmp_path / "releases"
    for number in range(1, 7):
        directory = top / _id(number)
        directory.mkdir(parents=True)
        if number <= 5:
            record = {"id": _id(number), "result": "good", "live_at": f"2026-01-0{number}T00:00:00Z"}
            (directory / "release.json").write_text(json.dumps(record), "utf-8")
    (top / "of-an-operator").mkdir()
    (top / _id(7)).symlink_to(tmp_path)
    (tmp_path / "current").symlink_to(f"releases/{_id(5)}")
    return tmp_path


def _ask(home: Path, **arguments: Any) -> dict[str, Any]:
    return ask("milkbot/library/releases.py", home=str(home), **arguments)


def _there(home: Path) -> set[str]:
    return {path.name for path in (home / "releases").iterdir()}


def test_the_release_before_the_live_one_is_the_previous_one(home: Path) -> None:
    answer = _ask(home)
    assert (answer["live"], answer["previous"], answer["changed"]) == (_id(5), _id(4), False)
    assert [entry["id"] for entry in answer["releases"] if not entry["complete"]] == [_id(6)]


def test_a_bad_release_is_never_returned_to(home: Path) -> None:
    _ask(home, note={_id(4): {"result": "bad", "reason": "it failed"}})
    answer = _ask(home)
    assert answer["previous"] == _id(3)
    assert next(entry for entry in answer["releases"] if entry["id"] == _id(4))["reason"] == "it failed"


def test_the_previous_release_is_the_one_that_was_live_before(home: Path) -> None:
    _ask(home, note={_id(2): {"live_at": "2026-02-01T00:00:00Z"}})
    assert _ask(home)["previous"] == _id(2)


def test_a_repeated_note_changes_nothing(home: Path) -> None:
    assert _ask(home, note={_id(1): {"schema": "0001"}})["changed"] is True
    assert _ask(home, note={_id(1): {"schema": "0001"}})["changed"] is False


def test_pruning_keeps_needed_releases_and_foreign_directories(home: Path) -> None:
    _ask(home, note={_id(4): {"result": "bad"}, _id(2): {"live_at": "2026-02-01T00:00:00Z"}})
    answer = _ask(home, keep=1, protect=[_id(3)])
    assert answer["removed"] == [_id(1), _id(4), _id(6)]
    # The live one, the good one before it, the one that was named, and what our roles did not make.
    assert _there(home) == {_id(5), _id(2), _id(3), "of-an-operator", _id(7)}


def _make(home: Path, number: int) -> str:
    """A new release that is live and unjudged, as an update makes it."""
    directory = home / "releases" / _id(number)
    directory.mkdir(parents=True)
    (directory / "release.json").write_text(json.dumps({"id": _id(number), "result": ""}), "utf-8")
    _point(home, _id(number))
    return _id(number)


def _point(home: Path, release: str) -> None:
    (home / "current").unlink(missing_ok=True)
    (home / "current").symlink_to(f"releases/{release}")


@pytest.mark.parametrize("keep", [3, 5])
def test_updates_that_were_each_rolled_back_keep_the_good_releases(tmp_path: Path, keep: int) -> None:
    """As update.yml and rollback.yml note them: made, live and good, then bad, and the release before live again."""
    for number in (1, 2):
        _ask(tmp_path, good=_make(tmp_path, number), note={_id(number): {"live_at": f"2026-01-01T00:00:0{number}Z"}})
    for number in range(3, 8):
        live_at = f"2026-01-02T00:00:0{number}Z"
        made = _make(tmp_path, number)
        _ask(tmp_path, good=made, note={made: {"live_at": live_at}}, keep=keep, protect=[_id(2)])
        _ask(tmp_path, note={made: {"result": "bad"}})
        _point(tmp_path, _id(2))
        _ask(tmp_path, note={_id(2): {"live_at": live_at}})
        assert _ask(tmp_path)["previous"] == _id(1)
    # Of the bad ones the newest, which show the operator why they are.
    assert _there(tmp_path) == {_id(1), _id(2), *(_id(number) for number in range(10 - keep, 8))}


def test_pruning_removes_bad_releases_first_then_staged_then_good_ones(home: Path) -> None:
    _ask(home, note={_id(3): {"result": "bad"}, _id(1): {"result": "", "live_at": ""}})
    assert _ask(home, keep=4)["removed"] == [_id(3), _id(6)]
    assert _ask(home, keep=3)["removed"] == [_id(1)]
    assert _ask(home, keep=2)["removed"] == [_id(2)]


def test_pruning_for_disk_space_removes_bad_releases_first(home: Path) -> None:
    _ask(home, note={_id(3): {"result": "bad"}})
    answer = _ask(home, keep=5, keep_free=1 << 60)
    assert answer["removed"] == [_id(6), _id(3), _id(1), _id(2)]


def test_check_mode_removes_no_release(home: Path) -> None:
    before = _there(home)
    answer = _ask(home, keep=1, note={_id(1): {"result": "bad"}}, history={"at": "now"}, check=True)
    assert (answer["changed"], _there(home), (home / "deploys.jsonl").exists()) == (True, before, False)


def test_the_history_keeps_every_line(home: Path) -> None:
    for number in range(2):
        _ask(home, history={"action": "deploy", "number": number})
    lines = (home / "deploys.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1]


def test_a_release_that_is_already_good_is_not_written_again(home: Path) -> None:
    history = {"action": "provision"}
    settled = _ask(home, good=_id(5), good_already=True, note={_id(5): {"schema": "0001"}}, history=history)
    assert settled["changed"] is False
    assert not (home / "deploys.jsonl").exists()
    # It was switched to by this run, so that it is news that it serves.
    news = _ask(home, good=_id(5), good_already=False, note={_id(5): {"schema": "0001"}}, history=history)
    assert news["changed"] is True
    live = next(entry for entry in news["releases"] if entry["live"])
    assert (live["schema"], live["live_at"] > "2026-01-05T00:00:00Z") == ("0001", True)


def test_only_the_live_release_is_marked_good(home: Path) -> None:
    _ask(home, note={_id(4): {"result": ""}})
    assert _ask(home, good=_id(4), history={"action": "deploy"})["changed"] is False


def test_a_full_disk_removes_old_releases(home: Path) -> None:
    answer = _ask(home, keep=5, keep_free=1 << 60, protect=[_id(2)])
    # All but the live one, the good one before it, and the one that was named; the incomplete one goes anyway.
    assert answer["removed"] == [_id(6), _id(1), _id(3)]


def test_a_disk_with_room_keeps_the_good_releases(home: Path) -> None:
    assert _ask(home, keep=5, keep_free=1)["removed"] == [_id(6)]


def test_the_history_omits_unknown_values(home: Path) -> None:
    _ask(home, history={"action": "provision", "seconds": None, "before": ""})
    assert json.loads((home / "deploys.jsonl").read_text("utf-8")) == {"action": "provision"}
