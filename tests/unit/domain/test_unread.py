"""What could not be read is kept so that somebody finds out why, and so that the same thing has the same name again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from milkbot.domain.unread import BODY_LENGTH, ObjectKind, UnreadObject, unread_object

TICKER = "KXHIGHNY-26AUG03-B86.5"


def test_an_object_is_kept_with_its_name_its_market_and_its_body() -> None:
    raw = {"ticker": TICKER, "order_id": "order-1", "fill_id": "fill-1"}
    body = f'{{"fill_id": "fill-1", "order_id": "order-1", "ticker": "{TICKER}"}}'
    assert unread_object(ObjectKind.FILL, raw, "no count") == UnreadObject(
        ObjectKind.FILL, "fill-1", TICKER, "no count", body, ""
    )
    assert unread_object(ObjectKind.EVENT, {"event_ticker": "E"}, "no markets", "KXHIGHNY") == UnreadObject(
        ObjectKind.EVENT, "E", None, "no markets", '{"event_ticker": "E"}', "KXHIGHNY"
    )


@pytest.mark.parametrize("fill_id", [None, "", 7, ["fill-1"]])
def test_a_field_that_holds_no_name_is_passed_over_for_the_next_one(fill_id: object) -> None:
    assert unread_object(ObjectKind.FILL, {"fill_id": fill_id, "order_id": "order-1"}, "").subject == "order-1"


def test_an_object_without_a_name_is_named_by_its_content_in_whatever_order_it_comes() -> None:
    named = unread_object(ObjectKind.POSITION, {"a": 1, "b": 2}, "")
    assert (named.subject, named.ticker) == ("sha256 d8497d9d82770a70", None)
    assert unread_object(ObjectKind.POSITION, {"b": 2, "a": 1}, "") == named
    assert unread_object(ObjectKind.POSITION, {"a": 1, "b": 3}, "").subject != named.subject


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (None, "null"),
        ("fill_id", '"fill_id"'),
        ([{"fill_id": "fill-1"}], '[{"fill_id": "fill-1"}]'),
        ({"at": datetime(2026, 8, 3, tzinfo=UTC)}, '{"at": "2026-08-03 00:00:00+00:00"}'),
    ],
)
def test_whatever_it_is_it_is_kept(raw: object, body: str) -> None:
    kept = unread_object(ObjectKind.FILL, raw, "it is no object")
    assert kept.subject.startswith("sha256 ")
    assert (kept.ticker, kept.body) == (None, body)


def test_text_that_postgresql_cannot_store_is_replaced() -> None:
    kept = unread_object(ObjectKind.MARKET, {"ticker": "a\x00b\ud800c"}, "odd \udfff\x00")
    assert (kept.subject, kept.ticker, kept.reason) == ("a\ufffdb?c", "a\ufffdb?c", "odd ?\ufffd")
    assert kept.body == r'{"ticker": "a\u0000b\ud800c"}'


def test_no_more_is_kept_than_there_is_room_for() -> None:
    kept = unread_object(ObjectKind.SERIES, {"ticker": "T" * 5000}, "r" * 5000)
    assert (kept.subject, kept.ticker) == ("T" * 100, "T" * 100)
    assert (len(kept.reason), len(kept.body)) == (BODY_LENGTH, BODY_LENGTH)
