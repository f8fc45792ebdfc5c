"""Faults in one object leave the rest of the reply as it is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.in_process import Venue
from tests.unit.simulator.intents import taking

from milkbot.domain.cities import all_series
from milkbot.domain.unread import Unread
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import FaultPlan, rule
from milkbot.venue.errors import UnusableReplyError

SERIES = all_series()[0].ticker


def listed(venue: Venue) -> list[str]:
    """The markets of the series that are open."""
    return [market.ticker for event in venue.client.open_events(SERIES) for market in event.markets]


def test_a_series_that_vanished_is_not_found_and_has_no_events(venue: Venue) -> None:
    (first,) = (row["event_ticker"] for row in venue.ask("GET", "/events").json()["events"])
    gone = first.partition("-")[0]
    venue.simulator.faults.arm(rule(FaultKind.SERIES_VANISHED, ticker=gone, times=None))
    with pytest.raises(UnusableReplyError, match="404"):
        venue.client.fee_schedule(gone)
    assert venue.client.open_events(gone) == []
    assert venue.ask("GET", f"/events/{first}").status_code == 404
    assert venue.ask("GET", "/events").json()["events"] == []
    assert gone not in [row["ticker"] for row in venue.ask("GET", "/series").json()["series"]]
    venue.simulator.set_faults(FaultPlan((rule(FaultKind.SERIES_VANISHED, ticker="KXHIGHNEVER", times=None),)))
    assert venue.ask("GET", f"/events/{first}").status_code == 200
    assert len(venue.client.open_events(gone)) == 1


def test_the_series_that_vanishes_is_the_same_one_at_every_call(venue: Venue) -> None:
    venue.simulator.set_faults(FaultPlan((rule(FaultKind.SERIES_VANISHED, times=None),), seed=3))
    tickers = [series.ticker for series in all_series()]
    gone = [ticker for ticker in tickers if venue.ask("GET", f"/series/{ticker}").status_code == 404]
    listings = {row["ticker"] for row in venue.ask("GET", "/series").json()["series"]}
    assert tickers[3 % len(tickers)] not in listings
    assert tickers[3 % len(tickers)] in gone


def test_one_order_book_is_null_and_the_others_are_not(venue: Venue) -> None:
    tickers = listed(venue)
    venue.simulator.faults.arm(rule(FaultKind.NULL_BOOK, ticker=tickers[1]))
    unread: Unread = []
    assert list(venue.client.orderbooks(tickers, unread=unread)) == [tickers[0], *tickers[2:]]
    assert [(one.kind, one.subject) for one in unread] == [("orderbook", tickers[1])]
    assert len(venue.client.orderbooks(tickers)) == len(tickers)


@pytest.mark.parametrize("mangling", ["missing", "null", "retyped"])
def test_one_object_is_mangled_in_the_field_that_is_named(venue: Venue, mangling: str) -> None:
    tickers = listed(venue)
    what = {"call": "events", "ticker": tickers[0], "mangling": mangling, "field": "status"}
    venue.simulator.faults.arm(rule(FaultKind.OBJECT_MANGLED, **what))
    unread: Unread = []
    (event, *_) = venue.client.open_events(SERIES, unread=unread)
    assert [(one.kind, one.subject) for one in unread] == [("market", tickers[0])]
    assert [market.ticker for market in event.markets] == tickers[1:]


def test_without_names_an_object_and_a_field_are_drawn(venue: Venue) -> None:
    venue.client.create_order(taking())
    whole = venue.ask("GET", "/portfolio/fills").json()["fills"]
    changed = set()
    for seed in range(8):
        venue.simulator.set_faults(FaultPlan((rule(FaultKind.OBJECT_MANGLED, call="fills"),), seed))
        (row,) = venue.ask("GET", "/portfolio/fills").json()["fills"]
        (name,) = [name for name in row if row[name] != whole[0][name]]
        assert row[name] is None
        changed.add(name)
    assert len(changed) > 2


def test_cash_on_another_shard_is_in_the_sum_and_not_in_the_balance_of_the_weather_markets(venue: Venue) -> None:
    venue.simulator.faults.arm(rule(FaultKind.CASH_ON_ANOTHER_SHARD, dollars="250.00", times=None))
    whole = venue.ask("GET", "/portfolio/balance").json()
    assert whole["balance_dollars"] == "1250.0000"
    assert whole["balance"] == 125000
    assert whole["balance_breakdown"] == [
        {"exchange_index": 0, "balance": "1000.0000"},
        {"exchange_index": 2, "balance": "250.0000"},
    ]
    assert venue.ask("GET", "/portfolio/balance", params={"exchange_index": 2}).json()["balance"] == 25000
    assert venue.client.balance().cash == Decimal(1000)
