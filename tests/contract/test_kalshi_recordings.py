"""Every recorded reply of the exchange's current form is read without loss. A drift of the wire shows here first."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.fakes import FakeClock, ScriptedServer

from milkbot.domain.cities import series_of
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.listings import Standing, compare
from milkbot.domain.markets import StrikeType
from milkbot.domain.units import cash, count, price
from milkbot.domain.unread import Unread
from milkbot.http import Reply
from milkbot.settings import TRADED_SERIES
from milkbot.venue import convert
from milkbot.venue.client import KalshiClient
from milkbot.venue.outcomes import read_error_body
from milkbot.venue.wire import exchange, markets, orders, portfolio
from milkbot.venue.wire.base import UnknownFields, WireModel

CURRENT = ("2026-06_demo_portfolio", "2026-07_fairline", "2026-07_v2_orders")


def events(body: dict[str, list[object]]) -> int:
    return sum(single_event({"event": row}) for row in body["events"])


def single_event(body: dict[str, object]) -> int:
    reply = markets.EventReply.model_validate(body)
    return len([markets.Market.model_validate(raw) for raw in (*reply.event.markets, *reply.markets)])


def market_list(body: dict[str, list[object]]) -> int:
    return len([markets.Market.model_validate(row) for row in body["markets"]])


def positions(body: list[dict[str, list[object]]]) -> int:
    return len([portfolio.MarketPosition.model_validate(row) for page in body for row in page["market_positions"]])


def one(model: type[WireModel]) -> Callable[[object], int]:
    return lambda body: len([model.model_validate(body)])


def orders_and_errors(body: dict[str, object]) -> int:
    found = [
        portfolio.Order.model_validate(body["get_order_executed_demo_2026-07-18"]),
        orders.CreatedOrder.model_validate(body["create_order_v2_201_demo_2026-07-18"]),
        orders.CreatedOrder.model_validate(body["create_order_v2_201_prod_2026-06-05"]),
    ]
    return len(found)


# Prices of the past, which nothing reads.
UNREAD = {"candlesticks_weather.json", "historical_candlesticks.json"}
# Reader of each file, and how many objects it must find there.
READERS: dict[str, tuple[Callable[..., int], int]] = {
    "portfolio_balance_demo.json": (one(portfolio.Balance), 1),
    "portfolio_positions_demo.json": (positions, 14),
    "event_single.json": (single_event, 1),
    "events_mixed.json": (events, 4),
    "events_settled.json": (events, 2),
    "historical_markets_rain.json": (market_list, 3),
    "market_single.json": (lambda body: market_list({"markets": [body["market"]]}), 1),
    "markets_resolved.json": (market_list, 2),
    "orderbook.json": (lambda body: one(markets.TickerBook)({"ticker": "T", **body}), 1),
    "orders_and_errors.json": (orders_and_errors, 3),
}


def load(path: Path) -> object:
    return json.loads(path.read_bytes(), parse_float=Decimal)


def test_every_recording_of_the_current_form_is_read(shared_data: Path) -> None:
    files = [file for folder in CURRENT for file in sorted((shared_data / "api_kalshi" / folder).iterdir())]
    found = {file.name: READERS[file.name][0](load(file)) for file in files if file.name not in UNREAD}
    assert found == {name: number for name, (_, number) in READERS.items()}


def test_recordings_have_no_unknown_field_but_those_that_are_no_longer_sent(shared_data: Path) -> None:
    recorded, unknown = shared_data / "api_kalshi", UnknownFields()
    orders_of_july: Any = load(recorded / "2026-07_v2_orders/orders_and_errors.json")
    pages: Any = load(recorded / "2026-06_demo_portfolio/portfolio_positions_demo.json")
    mixed: Any = load(recorded / "2026-07_fairline/events_mixed.json")
    portfolio.Order.from_wire(orders_of_july["get_order_executed_demo_2026-07-18"], unknown)
    orders.CreatedOrder.from_wire(orders_of_july["create_order_v2_201_demo_2026-07-18"], unknown)
    rows = [portfolio.MarketPosition.from_wire(row, unknown) for page in pages for row in page["market_positions"]]
    events_seen = [markets.Event.from_wire(row, unknown) for row in mixed["events"]]
    brackets = [markets.Market.from_wire(raw, unknown) for event in events_seen for raw in event.markets]
    assert unknown == {
        ("MarketPosition", "resting_orders_count"): len(rows),
        ("Event", "available_on_brokers"): len(events_seen),
        ("Market", "liquidity_dollars"): len(brackets),
    }
    assert brackets


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("exchange_status_response.json", exchange.ExchangeStatus),
        ("user_data_timestamp_response.json", exchange.UserDataTimestamp),
        ("series_single_response.json", markets.SeriesReply),
    ],
)
def test_recordings_of_january_in_the_unchanged_form_are_read(
    shared_data: Path, file: str, model: type[WireModel]
) -> None:
    recorded = load(shared_data / "api_kalshi" / "2026-01_obstacle_golden" / file)
    assert isinstance(recorded, dict)
    model.model_validate(recorded["response"])


def test_a_mixed_list_of_events_gives_the_daily_highs_and_names_the_others(shared_data: Path) -> None:
    body = (shared_data / "api_kalshi/2026-07_fairline/events_mixed.json").read_bytes()
    last_page = json.dumps(json.loads(body) | {"cursor": ""}).encode()
    server = ScriptedServer(httpx2.Response(200, content=last_page))
    unread: Unread = []
    client = KalshiClient("https://exchange.test", None, FakeClock(), server.transport)
    (event,) = client.open_events("KXHIGHNY", unread=unread)

    assert event.climate_day.isoformat() == "2026-07-19"
    assert [(m.strike.kind, m.strike.floor, m.strike.cap) for m in event.markets] == [
        (StrikeType.LESS, None, 80),
        (StrikeType.BETWEEN, 80, 81),
    ]
    assert series_of(event.series_ticker).settles_by(event.markets[0].rules_primary)
    assert [one.subject for one in unread] == ["KXU3MAX-30"]


def test_a_settled_bracket_resolves_by_its_strike(shared_data: Path) -> None:
    body = load(shared_data / "api_kalshi/2026-07_fairline/markets_resolved.json")
    assert isinstance(body, dict)
    for row in body["markets"]:
        market = convert.market(markets.Market.model_validate(row))
        won = market.strike.contains(int(Decimal(market.expiration_value)))
        assert market.result == ("yes" if won else "no")


def test_fractional_sizes_of_the_order_book_are_exact(shared_data: Path) -> None:
    recorded = load(shared_data / "api_kalshi/2026-07_fairline/orderbook.json")
    assert isinstance(recorded, dict)
    orderbook = convert.orderbook(markets.TickerBook.model_validate({"ticker": "T", **recorded}), FakeClock().now())
    assert [(level.price, level.count) for level in orderbook.yes_bids][-1] == (Decimal("0.01"), Decimal("1209.98"))
    assert orderbook.best_yes_ask is not None
    assert orderbook.best_yes_ask.price == Decimal("0.89")


def test_the_recorded_balance_is_in_dollars_with_its_time(shared_data: Path) -> None:
    recorded = load(shared_data / "api_kalshi/2026-06_demo_portfolio/portfolio_balance_demo.json")
    found = convert.balance(portfolio.Balance.model_validate(recorded))
    assert (found.cash, found.portfolio_value) == (Decimal("788.3901"), Decimal("134.34"))
    assert found.updated_at == datetime(2026, 6, 2, 19, 32, 12, tzinfo=UTC)


def test_recorded_positions_add_up_to_the_fees_of_their_events(shared_data: Path) -> None:
    pages = load(shared_data / "api_kalshi/2026-06_demo_portfolio/portfolio_positions_demo.json")
    assert isinstance(pages, list)
    fees: dict[str, Decimal] = {}
    for row in (row for page in pages for row in page["market_positions"]):
        held = convert.position(portfolio.MarketPosition.model_validate(row))
        event = held.ticker.rpartition("-")[0]
        fees[event] = fees.get(event, Decimal(0)) + held.fees
    exchange_says = {
        row["event_ticker"]: Decimal(row["fees_paid_dollars"]) for p in pages for row in p["event_positions"]
    }
    assert fees == exchange_says


def test_a_recorded_orders_fee_equals_the_fee_schedule(shared_data: Path) -> None:
    recorded = load(shared_data / "api_kalshi/2026-07_v2_orders/orders_and_errors.json")
    assert isinstance(recorded, dict)
    raw = recorded["get_order_executed_demo_2026-07-18"]
    found = convert.order(portfolio.Order.model_validate(raw))
    fees = FeeSchedule(FeeType.QUADRATIC, Decimal(1))

    assert (found.client_order_id, found.fill_count) == ("kb-2156fc481c0a", count(4))
    # Four fills of one contract each, each fee rounded up to 0.0001 as it was until August 2026.
    assert cash(raw["taker_fees_dollars"]) == 4 * fees.taker(count(1), price("0.49")).quantize(
        Decimal("0.0001"), "ROUND_UP"
    )


def test_recorded_errors_keep_their_code(shared_data: Path) -> None:
    recorded = load(shared_data / "api_kalshi/2026-07_v2_orders/orders_and_errors.json")
    assert isinstance(recorded, dict)
    codes = [
        read_error_body(Reply(row["http"], {}, json.dumps(row["body"]).encode())).code
        for row in recorded["error_bodies_reported"]
    ]
    assert codes == ["deprecated_v1_order_endpoint", "service_unavailable", "order_already_exists"]


def test_older_names_in_the_listing_of_january_2026_are_duplicates(shared_data: Path) -> None:
    packed = shared_data / "api_kalshi/2026-01_obstacle_golden/series_list_response.json.gz"
    body = json.loads(gzip.decompress(packed.read_bytes()), parse_float=Decimal)
    rows = [convert.listed_series(markets.Series.model_validate(row)) for row in body["response"]["series"]]

    found = {row.ticker: row for row in compare(rows, TRADED_SERIES)}

    assert {found[ticker].standing for ticker in TRADED_SERIES} == {Standing.TRADED}
    for older, known in (("HIGHNY", "KXHIGHNY"), ("KXDENHIGH", "KXHIGHDEN"), ("KXPHILHIGH", "KXHIGHPHIL")):
        if older in found:
            assert (found[older].standing, known in found[older].detail) == (Standing.DUPLICATE, True)
    assert found["HIGHNY"].standing is Standing.DUPLICATE
    renamed = {row.ticker: row for row in compare([row for row in rows if row.ticker != "KXHIGHNY"], TRADED_SERIES)}
    assert renamed["KXHIGHNY"].standing is Standing.RENAMED
    assert "HIGHNY" in renamed["KXHIGHNY"].detail
