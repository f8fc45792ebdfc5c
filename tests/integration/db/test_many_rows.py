"""The rows of a tick go in as one parameter, and come out as they went in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from tests.postgres import TestDatabase

from milkbot.db import ticks
from milkbot.db.bulk import insert_many
from milkbot.db.ops import MarketSnapshot, Signal, WeatherSnapshot
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
EASTERN = timezone(timedelta(hours=-5))


@pytest.fixture
def session(database: TestDatabase) -> Iterator[Session]:
    """A transaction."""
    with transaction(database.engine()) as opened:
        yield opened


def _common(session: Session) -> dict[str, Any]:
    mode = TradingMode.DEMO
    tick_id = ticks.begin_tick(session, mode=mode, started_at=NOON, release="r", config_hash="c")
    return {"trading_mode": mode, "tick_id": tick_id, "city_code": "NYC"}


def _market(session: Session, **columns: Any) -> dict[str, Any]:
    ends = {"captured_at": NOON, "status": "active", "strike_type": "less", "close_time": NOON.astimezone(EASTERN)}
    return {**_common(session), **ends, "ticker": "KXHIGHNY-26NOV20-T50", "event_ticker": "KXHIGHNY-26NOV20", **columns}


def test_every_type_comes_back_as_it_went_in(session: Session) -> None:
    prices = {"yes_bid": Decimal("0.010001"), "yes_bid_size": Decimal("1234567890123456.78"), "floor_strike": None}
    market = _market(session, **prices, cap_strike=-5)
    (market_id,) = insert_many(session, MarketSnapshot, [market])
    signal = {
        **_common(session),
        **{name: market[name] for name in ("tick_id", "ticker", "event_ticker")},
        "market_snapshot_id": market_id,
        "climate_day": date(2026, 11, 20),
        "strategy_name": 'it\'s "quoted" \\ %s :rows é \N{DEGREE SIGN}',
        "decision": "hold",
        "p_yes": 0.1 + 0.2,
        "forecast_sd_f": 5e-324,
        "edge": Decimal("-0.000001"),
        "price": None,
        "count": Decimal(0),
        "reasons": {"codes": ["a", "b"], "until": None, "more": {"n": 1}},
        "created_at": NOON,
    }
    (signal_id,) = insert_many(session, Signal, [signal])
    for table, row_id, row in ((MarketSnapshot, market_id, market), (Signal, signal_id, signal)):
        stored = session.get_one(table, row_id)
        assert {name: getattr(stored, name) for name in row} == row


def test_ids_come_in_the_order_of_the_rows(session: Session) -> None:
    rows = [_market(session, ticker=f"KXHIGHNY-26NOV20-T{number * 7919 % 1000}") for number in range(1000)]
    ids = ticks.save_markets(session, rows)
    stored = session.execute(select(MarketSnapshot.ticker, MarketSnapshot.id))
    assert {row.ticker: row.id for row in stored} == ids
    assert list(ids) == [row["ticker"] for row in rows]


def test_no_rows_are_no_statement(session: Session) -> None:
    assert insert_many(session, WeatherSnapshot, []) == []


def test_rows_that_lack_a_column_are_refused(session: Session) -> None:
    whole = _market(session)
    lacking = {name: value for name, value in whole.items() if name != "status"}
    with pytest.raises(ValueError, match="rows differ in their columns: all need trading_mode"):
        insert_many(session, MarketSnapshot, [whole, lacking])


def test_a_value_without_a_form_in_the_database_is_refused(session: Session) -> None:
    with pytest.raises(TypeError, match="is a set, which no column of many rows has"):
        insert_many(session, MarketSnapshot, [_market(session, status={"active"})])
