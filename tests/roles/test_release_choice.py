"""Which release of the host a version is."""

from __future__ import annotations

from typing import Any

from tests.roles.rendering import evaluate

COMMIT, LATER = "a" * 40, "b" * 40


def _release(name: str, **known: Any) -> dict[str, Any]:
    given = {"id": name, "live": False, "complete": True, "result": "good", "content": "same", "commit": COMMIT}
    return given | known


def _asked(expression: str, *releases: dict[str, Any], commit: str = LATER, **given: Any) -> Any:
    chosen = {"content": "same", "commit": commit, "paths": ["app", "uv.lock"]}
    known = {"releases": list(releases), "live": next((entry["id"] for entry in releases if entry["live"]), "")}
    return evaluate(expression, release_known=known, release_chosen=chosen, __release_commit=commit, **given)


def test_a_commit_with_the_same_shipped_content_reuses_the_release() -> None:
    assert _asked("_release_whole", _release("one", live=True)) == ["one"]
    assert _asked("_release_whole", _release("one", content="other"), _release("two")) == ["two"]


def test_the_reason_why_nothing_is_deployed_names_both_commits_and_what_is_shipped() -> None:
    said = _asked("release_nothing_to_deploy", _release("one", live=True), release_id="one")
    assert said.startswith(
        "Nothing to deploy: one runs already, and commit bbbbbbbbbbbb ships the same files (app, uv.lock)."
    )
    assert "site.yml" in said
    same = _asked("release_nothing_to_deploy", _release("one", live=True), release_id="one", commit=COMMIT)
    assert same == "Nothing to deploy: one runs already."


def test_a_bad_release_is_not_reused() -> None:
    assert _asked("_release_whole", _release("one", result="bad")) == []


def test_the_live_release_is_preferred_to_a_newer_one_of_the_same_content() -> None:
    assert _asked("_release_whole | last", _release("one", live=True), _release("two", result="")) == "one"
    assert _asked("_release_whole | last", _release("one"), _release("two", result="")) == "two"


def test_a_release_without_recorded_content_is_matched_by_its_commit() -> None:
    former = _release("former", content="", live=True)
    assert _asked("_release_whole", former, commit=COMMIT) == ["former"]
    assert _asked("_release_whole", former, commit=LATER) == []


def test_an_incomplete_release_is_completed_for_its_commit() -> None:
    begun = _release(f"20260101T000000Z-{LATER[:12]}", complete=False, content="", commit="", result="")
    other = _release(f"20260101T000001Z-{COMMIT[:12]}", complete=False, content="", commit="", result="")
    assert _asked("_release_started", begun, other) == [begun["id"]]
    assert _asked("_release_whole", begun, other) == []
