"""A read that is cut short, stale or half understood must fail: what it says is traded on."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from decimal import Decimal
from email.utils import format_datetime

import httpx2
import pytest
from tests.fakes import NOON, Answer, reply
from tests.unit.venue.served import client

from milkbot.domain.fees import FeeType
from milkbot.domain.unread import BODY_LENGTH, ObjectKind, Unread, unread_object
from milkbot.venue.errors import UnusableReplyError, VenueReadError
from milkbot.venue.transport import MOST_PAGES

ODD = "KXHIGHNY-26JUL19-B81.5"
SLOW = {"refill_rate": 10, "bucket_capacity": 10}


def market(ticker: str = "KXHIGHNY-26JUL19-T80", **changes: object) -> dict[str, object]:
    whole = {
        "ticker": ticker,
        "event_ticker": "KXHIGHNY-26JUL19",
        "status": "active",
        "open_time": "2026-07-18T14:00:00Z",
        "close_time": "2026-07-20T04:59:00Z",
        "yes_sub_title": "79\u00b0 or below",
        "rules_primary": "Central Park, New York",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        "result": "",
        "expiration_value": "",
        "strike_type": "less",
        "floor_strike": None,
        "cap_strike": 80,
    }
    return whole | changes


def event(ticker: str = "KXHIGHNY-26JUL19", **changes: object) -> dict[str, object]:
    whole = {
        "event_ticker": ticker,
        "series_ticker": "KXHIGHNY",
        "mutually_exclusive": True,
        "markets": [market(event_ticker=ticker)],
    }
    return whole | changes


@pytest.mark.parametrize("failure", [reply({"error": "too many requests"}, 429), reply({}, 500), httpx2.ReadError("")])
def test_a_read_that_fails_temporarily_is_repeated(failure: Answer) -> None:
    kalshi, server, clock = client(failure, failure, reply({"as_of_time": "2026-07-18T11:59:59.123456Z"}))
    assert kalshi.user_data_as_of() == NOON - timedelta(microseconds=876544)
    assert len(server.requests) == 3
    assert clock.slept == [1.0, 1.5]


def test_a_read_that_fails_every_attempt_reports_the_exchanges_answer() -> None:
    kalshi, server, _ = client(*[reply({"error": {"code": "service_unavailable"}}, 503)] * 3)
    with pytest.raises(VenueReadError, match=r"503 service_unavailable"):
        kalshi.balance()
    assert len(server.requests) == 3


def test_a_refused_read_is_not_repeated_and_names_the_remedy() -> None:
    body = {"error": {"code": "authentication_error", "message": "authentication_error", "details": "NOT_FOUND"}}
    kalshi, server, _ = client(reply(body, 401))
    with pytest.raises(VenueReadError, match="authentication_error: NOT_FOUND; check KALSHI_API_KEY_ID"):
        kalshi.balance()
    assert len(server.requests) == 1


def test_times_are_in_utc_and_one_without_an_offset_is_refused() -> None:
    kalshi, _, _ = client(
        reply({"as_of_time": "2026-07-18T08:00:00-04:00"}), reply({"as_of_time": "2026-07-18T12:00:00"})
    )
    as_of = kalshi.user_data_as_of()
    assert (as_of, as_of.tzinfo) == (NOON, UTC)
    with pytest.raises(VenueReadError, match="as_of_time"):
        kalshi.user_data_as_of()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"orders": {}}', b'{"cursor": ""}', b"{}"])
def test_an_answer_of_another_shape_is_an_error_and_not_an_empty_list(body: bytes) -> None:
    kalshi, _, _ = client(httpx2.Response(200, content=body))
    with pytest.raises(VenueReadError, match="/portfolio/orders"):
        kalshi.orders()


def test_an_empty_list_may_be_null() -> None:
    kalshi, _, _ = client(reply({"orders": None, "cursor": ""}))
    assert kalshi.orders() == []


def test_all_pages_are_read_until_the_cursor_is_empty() -> None:
    kalshi, server, _ = client(
        reply({"events": [event()], "cursor": "next"}),
        reply({"events": [event("KXHIGHNY-26JUL20", markets=[])], "cursor": None}),
    )
    assert [e.ticker for e in kalshi.open_events("KXHIGHNY")] == ["KXHIGHNY-26JUL19", "KXHIGHNY-26JUL20"]
    assert server.requests[1].url.params["cursor"] == "next"
    assert server.requests[1].url.params["status"] == "open"


def test_a_repeated_cursor_is_an_error_and_no_endless_loop() -> None:
    page = {"orders": [], "cursor": "same"}
    kalshi, _, _ = client(reply(page), reply(page))
    with pytest.raises(VenueReadError, match="came twice"):
        kalshi.orders()


def test_a_list_without_end_is_an_error_and_not_an_endless_tick() -> None:
    kalshi, server, _ = client(*[reply({"orders": [], "cursor": str(page)}) for page in range(MOST_PAGES + 1)])
    with pytest.raises(VenueReadError, match="did not end after 500 pages"):
        kalshi.orders()
    assert len(server.requests) == MOST_PAGES


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (market(ODD, strike_type="structured"), "structured"),
        (market(ODD, strike_type=None), "strike_type"),
        (market(ODD, cap_strike=80.5), "whole degree"),
        (market(ODD, floor_strike=80), "floor"),
        (market(ODD, status="paused"), "paused"),
        (market(ODD, event_ticker="KXHIGHCHI-26JUL19"), "belongs to"),
        ({"ticker": ODD}, "status"),
        (market(ODD.replace("NY", "CHI")), "belongs to"),
        (market(ODD, cap_strike=1e40), "cap_strike"),
        (market(ODD, open_time="0001-01-01T00:00:00+14:00"), "open_time"),
        (market(ODD, yes_sub_title="\x00"), "yes_sub_title"),
        (market(ODD, price_ranges=[]), "price_ranges"),
        (market(ODD, price_ranges=[{"start": "0.0000", "end": "1.0000", "step": "0"}]), "step"),
        (market(), "more than once"),
    ],
    ids=[
        "kind",
        "no-kind",
        "fraction",
        "both-ends",
        "status",
        "other-event",
        "incomplete",
        "name",
        "size",
        "moment",
        "text",
        "prices",
        "step",
        "twice",
    ],
)
def test_one_invalid_market_is_omitted_with_its_reason_and_the_others_are_kept(
    odd: dict[str, object], says: str
) -> None:
    kalshi, _, _ = client(*[reply({"event": event(markets=[market(), odd])})] * 2)
    unread: Unread = []
    found = kalshi.event("KXHIGHNY-26JUL19", unread=unread)
    assert [m.ticker for m in found.markets] == ["KXHIGHNY-26JUL19-T80"]
    assert [(one.kind, one.subject, one.series) for one in unread] == [("market", odd["ticker"], "KXHIGHNY")]
    assert says in unread[0].reason
    assert json.loads(unread[0].body)["ticker"] == odd["ticker"]
    with pytest.raises(UnusableReplyError, match="KXHIGHNY"):
        kalshi.event("KXHIGHNY-26JUL19")


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        (event("KXRAINNYCM-25DEC"), "KXRAINNYCM-25DEC"),
        (event("KXHIGHNY-26JUL20", fee_multiplier_override=2), "KXHIGHNY-26JUL20"),
        (event("KXHIGHNY-26JUL20", series_ticker="KXHIGHCHI"), "KXHIGHNY-26JUL20"),
        (event(), "KXHIGHNY-26JUL19"),
        ({"title": "no event"}, "sha256 "),
        ("text", "sha256 "),
        (None, "sha256 74234e98afe7498f"),
    ],
)
def test_one_invalid_event_is_omitted_and_the_others_are_kept(odd: object, named: str) -> None:
    kalshi, _, _ = client(*[reply({"events": [event(), odd], "cursor": ""})] * 2)
    unread: Unread = []
    assert [e.ticker for e in kalshi.open_events("KXHIGHNY", unread=unread)] == ["KXHIGHNY-26JUL19"]
    assert [(one.kind, one.series) for one in unread] == [("event", "KXHIGHNY")]
    assert unread[0].subject.startswith(named)
    with pytest.raises(UnusableReplyError, match="event"):
        kalshi.open_events("KXHIGHNY")


def book(ticker: str = "T", **changes: object) -> dict[str, object]:
    return {"ticker": ticker, "orderbook_fp": {"yes_dollars": [["0.3000", "8.41"]], "no_dollars": []}} | changes


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        (None, "sha256 "),
        (book("U", orderbook_fp=None), "U"),
        ({"orderbook_fp": {}}, "sha256 "),
        (book("U", orderbook_fp={"yes_dollars": [["0.3", "1e40"]]}), "U"),
    ],
)
def test_one_invalid_order_book_is_omitted_and_the_others_are_kept(odd: object, named: str) -> None:
    kalshi, _, _ = client(*[reply({"orderbooks": [odd, book()]})] * 2)
    unread: Unread = []
    assert list(kalshi.orderbooks(["T", "U"], unread=unread)) == ["T"]
    assert [one.kind for one in unread] == ["orderbook"]
    assert unread[0].subject.startswith(named)
    with pytest.raises(UnusableReplyError, match="orderbook"):
        kalshi.orderbooks(["T", "U"])


def test_of_two_order_books_for_one_market_neither_is_used() -> None:
    kalshi, _, _ = client(reply({"orderbooks": [book("T"), book("U"), book("T")]}))
    unread: Unread = []
    assert list(kalshi.orderbooks(["T", "U", "V"], unread=unread)) == ["U"]
    assert [(one.kind, one.subject) for one in unread] == [("orderbook", "T")]


def test_a_body_is_kept_in_part_and_as_the_database_can_store_it() -> None:
    kept = unread_object(ObjectKind.FILL, {"fill_id": "f\x00" + "x" * 200, "note": "\ud800" + "n" * 9000}, "odd\x00")
    assert (len(kept.subject), len(kept.body)) == (100, BODY_LENGTH)
    for text in (kept.subject, kept.body, kept.reason):
        assert "\x00" not in text.encode().decode()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, VenueReadError),
        (403, VenueReadError),
        (429, VenueReadError),
        (404, UnusableReplyError),
        (500, UnusableReplyError),
    ],
)
def test_a_refusal_says_whether_another_read_may_succeed(status: int, error: type[VenueReadError]) -> None:
    kalshi, _, _ = client(*[reply({"error": {"code": "x"}}, status)] * 3)
    with pytest.raises(VenueReadError) as refused:
        kalshi.fee_schedule("KXHIGHNY")
    assert type(refused.value) is error


def test_the_fees_of_another_series_are_refused() -> None:
    kalshi, _, _ = client(reply({"series": {"ticker": "KXHIGHCHI", "fee_type": "quadratic", "fee_multiplier": 1}}))
    with pytest.raises(UnusableReplyError, match="it is of KXHIGHCHI"):
        kalshi.fee_schedule("KXHIGHNY")


def test_markets_listed_apart_from_their_event_are_found() -> None:
    kalshi, _, _ = client(reply({"event": event(markets=[]), "markets": [market()]}))
    assert len(kalshi.event("KXHIGHNY-26JUL19").markets) == 1


def test_a_closed_exchange_is_read_from_the_body_of_its_503() -> None:
    kalshi, _, _ = client(*[reply({"exchange_active": False, "trading_active": False}, 503)] * 3)
    assert not kalshi.exchange_status().exchange_active


def test_an_invalid_status_is_an_error_and_not_a_pause() -> None:
    kalshi, _, _ = client(*[reply({}, 503)] * 3)
    with pytest.raises(VenueReadError, match="exchange/status"):
        kalshi.exchange_status()


def test_order_books_are_sorted_best_first_and_may_have_an_empty_side() -> None:
    sides = {"yes_dollars": [["0.0100", "5.00"], ["0.3000", "8.41"], ["0.3100", "0.00"]], "no_dollars": None}
    kalshi, _, _ = client(reply({"orderbooks": [{"ticker": "T", "orderbook_fp": sides}]}))
    orderbook = kalshi.orderbooks(["T"])["T"]
    assert [level.price for level in orderbook.yes_bids] == [Decimal("0.3"), Decimal("0.01")]
    assert orderbook.best_yes_ask is None
    assert orderbook.captured_at == NOON


def test_order_books_are_read_a_hundred_at_a_time() -> None:
    kalshi, server, _ = client(reply({"orderbooks": []}), reply({"orderbooks": []}))
    assert kalshi.orderbooks([f"T{n}" for n in range(101)]) == {}
    assert [len(r.url.params.get_list("tickers")) for r in server.requests] == [100, 1]


def test_the_clock_skew_is_measured_from_each_reply() -> None:
    theirs = format_datetime(NOON - timedelta(seconds=7), usegmt=True)
    kalshi, _, _ = client(reply({"as_of_time": "2026-07-18T12:00:00Z"}, headers={"Date": theirs}))
    assert kalshi.clock_skew_seconds is None
    kalshi.user_data_as_of()
    assert kalshi.clock_skew_seconds == pytest.approx(6.5)


@pytest.mark.parametrize("date", ["yesterday", ""])
def test_an_invalid_date_makes_the_clock_skew_unknown(date: str) -> None:
    kalshi, _, _ = client(reply({"as_of_time": "2026-07-18T12:00:00Z"}, headers={"Date": date}))
    kalshi.user_data_as_of()
    assert kalshi.clock_skew_seconds is None


def test_fees_keep_the_exact_multiplier() -> None:
    series = b'{"series": {"ticker": "KXHIGHNY", "fee_type": "quadratic", "fee_multiplier": 0.1}}'
    kalshi, _, _ = client(httpx2.Response(200, content=series))
    fees = kalshi.fee_schedule("KXHIGHNY")
    assert (fees.fee_type, fees.multiplier) == (FeeType.QUADRATIC, Decimal("0.1"))


def test_an_unknown_fee_type_does_not_stop_the_other_series() -> None:
    kalshi, _, _ = client(reply({"series": {"ticker": "X", "fee_type": "flat", "fee_multiplier": 1}}))
    assert kalshi.fee_schedule("X").fee_type is FeeType.UNKNOWN


def test_the_accounts_own_rate_limits_are_used() -> None:
    kalshi, _, clock = client(
        reply({"usage_tier": "x", "read": SLOW, "write": SLOW, "grants": []}),
        *[reply({"as_of_time": "2026-07-18T12:00:00Z"})] * 2,
    )
    kalshi.adopt_account_limits()
    kalshi.user_data_as_of()
    kalshi.user_data_as_of()
    assert clock.slept == pytest.approx([1.0])


def test_a_listing_is_one_reply_and_an_odd_series_takes_no_other_with_it() -> None:
    row = {"ticker": "A", "fee_type": "quadratic", "fee_multiplier": 1, "title": "High temp", "frequency": "daily"}
    sources = [{"name": "NWS", "url": "https://x.test/?issuedby=NYC"}]
    kalshi, server, _ = client(
        reply({"series": [row | {"settlement_sources": sources}, {"ticker": "B"}, row | {"ticker": "C"}, None]})
    )
    unread: Unread = []
    first, second = kalshi.listed_series("Climate and Weather", unread=unread)
    assert (first.ticker, first.sources, first.fees.fee_type) == ("A", tuple(sources[0].values()), FeeType.QUADRATIC)
    assert (second.ticker, second.sources) == ("C", ())
    assert [(one.kind, one.ticker) for one in unread] == [(ObjectKind.SERIES, "B"), (ObjectKind.SERIES, None)]
    assert dict(server.requests[0].url.params) == {"category": "Climate and Weather"}


def test_named_events_are_read_a_hundred_at_a_time_and_only_those_of_their_series() -> None:
    names = [f"KXHIGHNY-26JUL{day:02}" for day in range(1, 31)] * 4
    kalshi, server, _ = client(
        reply({"events": [event(), event("KXHIGHDEN-26JUL19", series_ticker="KXHIGHDEN")], "cursor": ""}),
        reply({"events": [], "cursor": ""}),
    )
    unread: Unread = []
    found = kalshi.events_named(names, unread=unread)
    assert [one.ticker for one in found] == ["KXHIGHNY-26JUL19"]
    assert [(one.kind, one.subject) for one in unread] == [(ObjectKind.EVENT, "KXHIGHDEN-26JUL19")]
    asked = [dict(request.url.params) for request in server.requests]
    assert [one["tickers"].split(",") for one in asked] == [names[:100], names[100:]]
    assert {one["status"] for one in asked} == {"open"}
    assert {one["with_nested_markets"] for one in asked} == {"true"}
