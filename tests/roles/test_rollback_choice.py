"""Which release a rollback without a name returns to."""

from __future__ import annotations

from typing import Any

from tests.roles.rendering import evaluate


def _chosen(*releases: dict[str, Any], previous: str, **given: Any) -> Any:
    whole = [{"complete": True, "reason": "", **release} for release in releases]
    live = next(release["id"] for release in whole if release["live"])
    return evaluate("_rollback_id", __rollback_known={"releases": whole, "live": live, "previous": previous}, **given)


def _release(name: str, *, live: bool, result: str, live_at: str) -> dict[str, Any]:
    return {"id": name, "live": live, "result": result, "live_at": live_at}


def test_the_release_that_was_live_before_is_not_chosen() -> None:
    old, new = (
        _release("old", live=False, result="good", live_at="1"),
        _release("new", live=True, result="good", live_at="2"),
    )
    assert _chosen(old, new, previous="old") == "old"
    assert _chosen(old, new, previous="old", release="another") == "another"


def test_a_rollback_that_was_killed_after_the_switch_goes_back_one_further() -> None:
    oldest = _release("oldest", live=False, result="good", live_at="1")
    target = _release("target", live=True, result="good", live_at="2")
    left = _release("left", live=False, result="bad", live_at="3")
    assert _chosen(oldest, target, left, previous="oldest") == "target"


def test_an_update_that_was_killed_after_the_switch_is_taken_for_a_rollback() -> None:
    old, new = (
        _release("old", live=False, result="good", live_at="1"),
        _release("new", live=True, result="", live_at=""),
    )
    assert _chosen(old, new, previous="old") == "old"


def test_nothing_to_return_to_is_something() -> None:
    assert _chosen(_release("only", live=True, result="good", live_at="1"), previous="") == ""
