"""What the recorder kept is scored as the trader saw it: the same inputs, so the same forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.exchange import MONDAY, Keys, served_exchange
from tests.integration.recorder.side_by_side import poor, trade_and_record
from tests.postgres import TestDatabase

from milkbot.forecast.answers import distribution
from milkbot.forecast.forecaster import NoForecast, load
from milkbot.score import yardsticks
from milkbot.score.evaluate import difference, evaluate
from milkbot.score.load import load as load_recordings
from milkbot.score.moments import parse
from milkbot.score.recording import Recording

SERIES = ("KXHIGHNY", "KXHIGHCHI")
STEP = timedelta(minutes=60)
STORED = """
    SELECT f.event_ticker, f.as_of, f.forecaster, s.chances
    FROM ops.forecasts f
    CROSS JOIN LATERAL (
        SELECT json_object_agg(m.ticker, p.chance) AS chances
        FROM unnest(f.market_snapshot_ids, f.probabilities) AS p(id, chance)
        JOIN ops.market_snapshots m ON m.id = p.id
    ) AS s
    WHERE f.probabilities IS NOT NULL ORDER BY f.as_of, f.event_ticker"""


def test_a_recorded_day_gives_the_forecasts_that_the_trader_stored(
    tmp_path: Path, keys: Keys, database: TestDatabase
) -> None:
    root = tmp_path / "recording"
    with served_exchange(tmp_path / "state", poor(keys, tmp_path)) as exchange:
        trade_and_record(exchange, database, root, SERIES, STEP, MONDAY + timedelta(days=1))
    (recording,) = load_recordings(root)
    assert {event.series.ticker for event in recording.events} == set(SERIES)

    compared = 0
    for ticker, as_of, name, stored in _stored(database):
        event = next((one for one in recording.events if one.ticker == ticker), None)
        if event is None:
            continue
        # The recorder ran at the tick's own moment, and what is received at a moment is known after it.
        inputs = recording.inputs(event, as_of + timedelta(microseconds=1))
        said = load(name).forecast(inputs)
        assert not isinstance(said, NoForecast)
        chances = dict(
            zip((one.ticker for one in inputs.brackets), distribution(said, len(inputs.brackets)), strict=True)
        )
        assert chances == pytest.approx(stored)
        compared += 1
    assert compared > 10

    _can_be_scored(recording)


def _can_be_scored(recording: Recording) -> None:
    at = parse("day1301")  # a minute after a run: what a run reads at its moment is known after it
    for name in ("market", "normal"):
        both = difference(evaluate(recording, load(name), at), evaluate(recording, yardsticks.MID, at))
        assert len(both.ours.answers) == len(recording.events)


def _stored(database: TestDatabase) -> Iterator[tuple[str, Any, str, dict[str, float]]]:
    with database.engine().connect() as connection:
        yield from (tuple(row) for row in connection.execute(text(STORED)))
