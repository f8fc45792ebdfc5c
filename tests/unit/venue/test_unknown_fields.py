"""A field that the exchange adds is news for the operator and no error; one that it takes away is an error."""

from __future__ import annotations

from tests.fakes import reply
from tests.unit.venue.orders import created, intent, trader
from tests.unit.venue.served import client
from tests.unit.venue.test_kalshi_portfolio import fill
from tests.unit.venue.test_kalshi_reads import event, market

FRESH = {"as_of_time": "2026-07-18T12:00:00Z"}


def test_documented_fields_are_not_counted_as_unknown() -> None:
    kalshi, _, _ = client(reply({"fills": [fill("a", no_price_dollars="0.51", exchange_index=0)], "cursor": ""}))
    kalshi.fills()
    assert kalshi.unknown_fields == {}


def test_unknown_fields_are_counted_by_object_and_name_at_any_depth() -> None:
    odd = event(markets=[market(mood="calm"), market("KXHIGHNY-26JUL19-T90", mood="calm")], season="summer")
    kalshi, _, _ = client(
        reply({"events": [odd], "cursor": "", "total": 1}),
        reply({**FRESH, "lag_ms": 3}),
        reply({**FRESH, "lag_ms": 3}),
    )
    kalshi.open_events("KXHIGHNY")
    kalshi.user_data_as_of()
    kalshi.user_data_as_of()
    assert kalshi.unknown_fields == {
        ("Event", "season"): 1,
        ("Market", "mood"): 2,
        ("events", "total"): 1,
        ("UserDataTimestamp", "lag_ms"): 2,
    }


def test_unknown_fields_of_answers_to_writes_are_counted() -> None:
    kalshi, _, _ = trader(reply(created(venue="east"), 201))
    kalshi.create_order(intent())
    assert kalshi.unknown_fields == {("CreatedOrder", "venue"): 1}
