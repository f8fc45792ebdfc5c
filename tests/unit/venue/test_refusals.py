"""The table of refusals: a code that two rows claim, or a reason that is read as another one, misjudges an order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from milkbot.venue.refusals import (
    ABSENT,
    REFUSALS,
    UNLISTED,
    Refusal,
    absence,
    reason_of,
    refusal_of,
    stored_refusal,
)


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row.name)
def test_each_row_is_found_by_each_of_its_codes_and_by_what_an_order_keeps(row: Refusal) -> None:
    for code in row.codes:
        assert refusal_of(code, row.details) is row
        assert refusal_of(code.upper(), row.details.upper()) is row
        assert refusal_of(code.replace("_", " "), row.details) is row
        assert stored_refusal(reason_of(code, row.details)) is row
        assert stored_refusal(reason_of(code, f"{row.details} and more")) is row


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row.name)
def test_each_row_has_a_sentence_for_the_operator_and_a_time_for_its_market(row: Refusal) -> None:
    assert row.meaning.endswith(".")
    assert row.alone.total_seconds() > 0


@pytest.mark.parametrize(("code", "details"), [("", ""), ("http_400", ""), ("brand_new", "post only cross")])
def test_a_code_that_is_not_in_the_table_is_no_known_refusal(code: str, details: str) -> None:
    assert refusal_of(code, details) is None
    assert stored_refusal(reason_of(code, details)) is UNLISTED


def test_an_absent_order_is_judged_by_the_answer_that_left_it_unknown() -> None:
    as_of = datetime(2026, 8, 3, 15, tzinfo=UTC)

    def after(unknown: str | None) -> Refusal:
        return stored_refusal(absence(as_of, unknown))

    lost = "outcome of order mb-1 in KXHIGHNY-26AUG03-B86.5 is unknown: {}; it counts at its worst case"
    assert absence(as_of, lost.format("no answer")) == "absent at the exchange as of 2026-08-03T15:00:00+00:00"
    assert absence(as_of, lost.format("HTTP 409 brand_new: of today")) == (
        "absent at the exchange as of 2026-08-03T15:00:00+00:00, after HTTP 409 brand_new: of today"
    )
    assert after(lost.format("no answer")) is ABSENT
    assert after("") is after(None) is ABSENT
    assert after(lost.format("HTTP 503 service_unavailable")) is ABSENT
    assert after(lost.format("HTTP 409 brand_new: of today")) is UNLISTED
    assert after(lost.format("HTTP 403 <html>")) is UNLISTED
    assert after(lost.format("HTTP 409 order_already_exists")).codes == ("order_already_exists",)
    assert (ABSENT.counts, UNLISTED.counts) == (False, True)


def test_details_that_name_a_status_do_not_make_a_refused_order_an_absent_one() -> None:
    assert stored_refusal("invalid_order: see HTTP 409 market_closed").codes == ("invalid_order",)


def test_a_post_only_cross_is_distinguished_from_other_invalid_orders() -> None:
    crossed, other = stored_refusal("invalid_order: Post Only Cross"), stored_refusal("invalid_order: no such side")
    assert (crossed.counts, other.counts) == (False, True)
    assert stored_refusal("invalid_order") is other
    assert crossed.alone < other.alone


def test_what_the_market_did_meanwhile_is_no_reject_for_the_breaker() -> None:
    uncounted = {row.codes[0] for row in REFUSALS if not row.counts}
    assert uncounted == {
        "exchange_is_paused",
        "fill_or_kill_insufficient_resting_volume",
        "invalid_order",
        "not_sent",
        "post_only_cross",
        "service_unavailable",
        "too_late",
    }
    assert UNLISTED.counts
