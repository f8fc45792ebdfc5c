"""What is listed, and when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from milkbot.domain.cities import Series, series_of
from milkbot.simulator.engine.records import Market
from milkbot.simulator.exchange.render_market import market
from milkbot.simulator.world.listing import plan_event
from milkbot.simulator.world.simulated import SimulatedWorld
from milkbot.simulator.world.truth import Truth

TRUTH = Truth(5)
LISTED = SimulatedWorld(5).series
NEW_YORK = series_of("KXHIGHNY")


@pytest.mark.parametrize("series", LISTED, ids=lambda series: series.ticker)
def test_every_degree_belongs_to_exactly_one_of_six_brackets(series: Series) -> None:
    for number in range(60):
        plan = plan_event(TRUTH, series, date(2026, 3, 1) + timedelta(days=number))

        assert len(plan.strikes) == 6
        assert all(sum(strike.contains(high) for strike in plan.strikes) == 1 for high in range(-20, 130))


@pytest.mark.parametrize("series", LISTED, ids=lambda series: series.ticker)
def test_rules_name_the_settlement_station(series: Series) -> None:
    plan = plan_event(TRUTH, series, date(2026, 8, 1))
    body = market(Market(plan.market_ticker(plan.strikes[0]), plan, plan.strikes[0]), plan.opens_at)

    assert series.settles_by(body["rules_primary"])
    assert not any(other.settles_by(body["rules_primary"]) for other in LISTED if other is not series)


def test_opening_follows_eastern_civil_time_and_the_close_standard_time() -> None:
    summer = plan_event(TRUTH, NEW_YORK, date(2026, 7, 19))
    winter = plan_event(TRUTH, NEW_YORK, date(2026, 12, 19))

    assert summer.opens_at == datetime(2026, 7, 18, 14, tzinfo=UTC)
    assert winter.opens_at == datetime(2026, 12, 18, 15, tzinfo=UTC)
    assert summer.closes_at == datetime(2026, 7, 20, 4, 59, tzinfo=UTC)
    assert winter.closes_at == datetime(2026, 12, 20, 4, 59, tzinfo=UTC)


def test_tickers_are_written_as_recorded() -> None:
    plan = plan_event(TRUTH, NEW_YORK, date(2026, 7, 19))
    low = plan.strikes[0].cap
    tickers = [plan.market_ticker(strike).removeprefix("KXHIGHNY-26JUL19-") for strike in plan.strikes]

    assert low is not None
    assert tickers == [f"T{low}", *(f"B{low + step + 0.5}" for step in (0, 2, 4, 6)), f"T{low + 7}"]


def test_each_day_is_listed_once_whatever_the_steps_of_time() -> None:
    world = SimulatedWorld(5)
    start, end = datetime(2026, 7, 1, 9, 30, tzinfo=UTC), datetime(2026, 7, 9, 9, 30, tzinfo=UTC)
    at_once = [plan.ticker for plan in world.created_between(start, end)]
    hourly = [
        plan.ticker
        for hour in range(192)
        for plan in world.created_between(start + timedelta(hours=hour), start + timedelta(hours=hour + 1))
    ]

    assert at_once == hourly
    assert len(at_once) == 8 * len(LISTED)
