"""The high and the low of one city, traded side by side: two events, one city's limits, one thermometer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import pytest
from tests.exchange import Exchange
from tests.integration.trader.stage import Stage, staged
from tests.postgres import TestDatabase

from milkbot.domain.cities import City, Extreme, series_of
from milkbot.weather.client import WeatherClient
from milkbot.weather.values import Observation

SERIES = ("KXHIGHNY", "KXLOWTNYC", "KXLOWTDEN")


@pytest.fixture
def stage(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A trader of New York's high and low, and of Denver's low, who holds what he bought until it is settled."""
    with staged(exchange, database, TRADING_SERIES=",".join(SERIES), EXIT_MARGIN="0.99") as ready:
        yield ready


def series_in(stage: Stage, table: str) -> set[str]:
    """The series of which a table has markets."""
    return {row["ticker"].partition("-")[0] for row in stage.rows(f"SELECT ticker FROM ops.{table}")}


def test_lows_are_decided_ordered_and_settled_by_the_minimum(stage: Stage) -> None:
    for _ in range(8):
        stage.tick()
        stage.later(hours=4)
    stage.later(days=1)
    stage.tick()

    assert series_in(stage, "signals") == set(SERIES)
    settled = stage.rows("SELECT ticker, result FROM ops.settlements")
    assert {row["ticker"].partition("-")[0] for row in settled} == set(SERIES)
    simulator = stage.exchange.simulator
    for row in settled:
        market = simulator.state.markets[row["ticker"]]
        official = simulator.world.official(market.plan)
        assert row["result"] == ("yes" if market.strike.contains(official) else "no")
    assert stage.rows("SELECT * FROM ops.findings WHERE closed_at IS NULL") == []
    # A city's limit holds for its high and its low together: where one has used it, the other is denied.
    bought = series_in(stage, "fills")
    denied = stage.rows("SELECT DISTINCT ticker FROM ops.risk_events WHERE event_type = 'denied_city_exposure'")
    assert bought >= {"KXHIGHNY", "KXLOWTNYC"}
    assert {row["ticker"].partition("-")[0] for row in denied} >= {"KXHIGHNY", "KXLOWTNYC"}


def test_each_extreme_has_its_own_columns_and_the_thermometer_is_read_once_for_both(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read = WeatherClient.observations

    def noting(client: WeatherClient, city: City, start: datetime, end: datetime) -> list[Observation]:
        asked.append(city.code)
        return read(client, city, start, end)

    monkeypatch.setattr(WeatherClient, "observations", noting)
    stage.tick()

    assert sorted(asked) == ["DEN", "NYC"]
    rows = stage.rows("""
        SELECT DISTINCT split_part(signal.ticker, '-', 1) AS series, seen.* FROM ops.signals AS signal
        JOIN ops.weather_snapshots AS seen ON seen.id = signal.weather_snapshot_id
    """)
    assert {row["series"] for row in rows} == set(SERIES)
    for row in rows:
        is_low = series_of(row["series"]).extreme is Extreme.LOW
        mine, other = ("low", "high") if is_low else ("high", "low")
        assert row[f"forecast_{mine}_f"] is not None
        assert (row[f"forecast_{other}_f"], row["observed_max_f" if is_low else "observed_min_f"]) == (None, None)
    today = {row["series"]: row for row in rows if row["climate_day"] == date(2026, 8, 3)}
    assert today["KXLOWTNYC"]["observed_min_f"] < today["KXHIGHNY"]["observed_max_f"]
