"""A recorder and a live loop run side by side; the replay of its files decides signal by signal as the loop did.

The recorder's run comes at the tick's own moment and before the tick, so both see the same books. On a host its runs
lie seconds apart from the ticks: docs/recording.md says what a replay cannot know.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from tests.exchange import DEMONSTRATION, MONDAY, Keys, served_exchange
from tests.integration.recorder.side_by_side import poor, trade_and_record
from tests.postgres import TestDatabase

from milkbot.history.recorded_day import replayed_day
from milkbot.recorder.verify import verify
from milkbot.settings import TRADED_SERIES

SERIES = TRADED_SERIES
TICKS = "SELECT started_at, outcome FROM ops.ticks ORDER BY started_at"
DECISIONS = """
    SELECT created_at, ticker, decision, reasons, p_yes, edge, price, count
    FROM ops.signals ORDER BY created_at, ticker"""
BOOKS = """
    SELECT captured_at, ticker, status, yes_bid, yes_bid_size, yes_ask, yes_ask_size
    FROM ops.market_snapshots ORDER BY captured_at, ticker"""
WEATHER = """
    SELECT captured_at, city_code, climate_day, issued_at, forecast_high_f, observed_max_f, current_f
    FROM ops.weather_snapshots ORDER BY captured_at, city_code, climate_day"""
# A recorded level is the sum of those who stand there: what was filled by two of them is one fill in the replay.
FILLS = """
    SELECT filled_at, ticker, side, price, sum(count), sum(fee)
    FROM ops.fills GROUP BY filled_at, ticker, side, price ORDER BY filled_at, ticker, side, price"""
SETTLEMENTS = "SELECT ticker, result, signed_count, cost, revenue FROM ops.settlements ORDER BY ticker"


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.mark.parametrize(
    ("days", "minutes", "series"),
    [
        pytest.param(1, 30, SERIES[:2], id="a-day"),
        pytest.param(7, 60, SERIES[:3], id="a-week", marks=pytest.mark.matrix),
    ],
)
def test_a_replay_of_what_was_recorded_decides_as_the_live_loop_did(
    tmp_path: Path, keys: Keys, database: TestDatabase, days: int, minutes: int, series: tuple[str, ...]
) -> None:
    root, live, step = tmp_path / "recording", database.engine(), timedelta(minutes=minutes)
    end = MONDAY + timedelta(days=days)
    with served_exchange(tmp_path / "state", poor(keys, tmp_path)) as exchange:
        trade_and_record(exchange, database, root, series, step, end)
    found = verify(root, step)
    assert (found.damage, found.gaps, found.problems) == ([], [], 0)

    with replayed_day(root, MONDAY.date(), minutes, lambda _: None, days, *DEMONSTRATION.values()) as ledger:
        ticks = rows(ledger.engine, TICKS)
        # The last tick of a replay comes when the day has paid out, whatever the step is.
        common = [tick for tick in rows(live, TICKS) if tick[0] <= ticks[-2][0]]
        assert ticks[:-1] == common
        assert common[-1][0] > end - timedelta(hours=4)
        for query in (BOOKS, WEATHER, DECISIONS, FILLS):
            expected, replayed = (
                [row for row in rows(engine, query) if row[0] <= common[-1][0]] for engine in (live, ledger.engine)
            )
            assert len(expected) > len(common) / 4, query
            assert replayed == expected, query
        assert rows(ledger.engine, SETTLEMENTS) == rows(live, SETTLEMENTS)
        # What is bought on the first day may be of the next one, and settle after it.
        assert rows(live, SETTLEMENTS) or days == 1
