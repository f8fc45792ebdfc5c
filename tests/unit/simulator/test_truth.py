"""The hidden weather: forecasts err as real ones do by lead time, and give nothing away."""

from __future__ import annotations

import statistics
from datetime import UTC, date, datetime, timedelta

import pytest

from milkbot.domain.cities import Extreme, cities, series_of
from milkbot.simulator.world.beliefs import Beliefs
from milkbot.simulator.world.listing import plan_event
from milkbot.simulator.world.truth import Truth, unknown_spread
from milkbot.simulator.world.weather import SimulatedWeather

FIRST = date(2026, 1, 1)
OF_NEW_YORK = series_of("KXHIGHNY")
NEW_YORK = OF_NEW_YORK.city
TRUTHS = [Truth(seed) for seed in range(5)]
DAYS = [FIRST + timedelta(days=number) for number in range(0, 365, 2)]


def errors(lead_hours: float) -> list[float]:
    """Truth minus best forecast, that long before the peak, over five seeds of a year."""
    found = []
    for truth in TRUTHS:
        for day in DAYS:
            path = truth.path(NEW_YORK, day)
            found.append(path.truth - path.known_at(path.falls_at - timedelta(hours=lead_hours)))
    return found


@pytest.mark.parametrize(("lead_hours", "spread"), [(72, 3.3), (48, 3.0), (29, 2.7), (22, 2.45), (8, 2.1), (-4, 0.25)])
def test_forecast_error_has_the_published_size(lead_hours: float, spread: float) -> None:
    found = errors(lead_hours)

    assert statistics.pstdev(found) == pytest.approx(spread, rel=0.08)
    assert abs(statistics.fmean(found)) < 4 * spread / len(found) ** 0.5


def test_skill_never_falls_as_the_day_comes_nearer() -> None:
    spreads = [unknown_spread(hours / 2) for hours in range(200, -12, -1)]

    assert spreads == sorted(spreads, reverse=True)


def test_the_change_of_a_forecast_cannot_be_predicted() -> None:
    revisions, earlier = [], []
    for truth in TRUTHS:
        for day in DAYS:
            path = truth.path(NEW_YORK, day)
            late, middle, early = (path.known_at(path.falls_at - timedelta(hours=hours)) for hours in (8, 20, 32))
            revisions.append(late - middle)
            earlier.append(middle - early)

    assert abs(statistics.correlation(revisions, earlier)) < 0.12


def test_the_market_knows_more_than_the_newest_public_forecast_at_any_hour() -> None:
    for hour in range(-12, 17, 2):
        of_market, of_forecast = [], []
        for truth in TRUTHS:
            weather = SimulatedWeather(truth)
            beliefs = Beliefs(truth, weather)
            for day in DAYS:
                at = NEW_YORK.day_bounds(day)[0] + timedelta(hours=hour)
                high = truth.high(NEW_YORK, day)
                of_market.append(high - beliefs.market(OF_NEW_YORK, day, at).centre)
                of_forecast.append(high - weather.published(NEW_YORK, Extreme.HIGH, day, at))
        assert statistics.pstdev(of_market) < statistics.pstdev(of_forecast)


def test_what_is_knowable_between_the_hours_leads_from_one_to_the_next() -> None:
    truth = TRUTHS[0]
    day = DAYS[7]
    path = truth.path(NEW_YORK, day)
    for lead in (30, 12, 1):
        steps = [truth.knowledge(NEW_YORK, day, Extreme.HIGH, lead - step / 12) for step in range(13)]
        values, spreads = zip(*steps, strict=True)
        assert values[0] == path.known_at(path.falls_at - timedelta(hours=lead))
        assert values[-1] == path.known_at(path.falls_at - timedelta(hours=lead - 1))
        assert len(set(values)) == 13
        assert list(spreads) == sorted(spreads, reverse=True)


def test_the_next_step_of_what_is_knowable_cannot_be_predicted() -> None:
    earlier, later = [], []
    for truth in TRUTHS:
        for day in DAYS:
            one, two, three = (truth.knowledge(NEW_YORK, day, Extreme.HIGH, 10 - step / 4)[0] for step in range(3))
            earlier.append(two - one)
            later.append(three - two)

    assert abs(statistics.correlation(earlier, later)) < 0.1


def test_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    day = date(2026, 8, 1)
    highs = [[Truth(seed).high(city, day) for city in cities()] for seed in (1, 1, 2)]

    assert highs[0] == highs[1] != highs[2]


def test_seasons_are_those_of_the_city() -> None:
    for city in cities():
        summer = statistics.fmean(TRUTHS[0].high(city, date(2026, 7, day)) for day in range(1, 32))
        winter = statistics.fmean(TRUTHS[0].high(city, date(2026, 1, day)) for day in range(1, 32))
        assert winter < summer < 112


def test_probabilities_of_six_brackets_sum_to_one_and_a_passed_one_has_none() -> None:
    truth = TRUTHS[0]
    beliefs = Beliefs(truth, SimulatedWeather(truth))
    for day in DAYS[::20]:
        plan = plan_event(truth, OF_NEW_YORK, day)
        for hours in (30, 5, -6):
            belief = beliefs.market(OF_NEW_YORK, day, truth.path(NEW_YORK, day).falls_at - timedelta(hours=hours))
            chances = [belief.probability(strike) for strike in plan.strikes]
            assert sum(chances) == pytest.approx(1, abs=1e-6)
            for strike, chance in zip(plan.strikes, chances, strict=True):
                assert strike.upper_edge > belief.floor or chance == 0


def test_market_knows_the_outcome_in_the_evening() -> None:
    truth = TRUTHS[1]
    beliefs = Beliefs(truth, SimulatedWeather(truth))
    evening = datetime(2026, 8, 1, 23, 30, tzinfo=UTC)

    belief = beliefs.market(OF_NEW_YORK, date(2026, 8, 1), evening)

    assert abs(belief.centre - truth.high(NEW_YORK, date(2026, 8, 1))) < 1


LOW_OF_NEW_YORK = series_of("KXLOWTNYC")


@pytest.mark.parametrize(("lead_hours", "spread"), [(48, 3.0), (22, 2.45), (8, 2.1)])
def test_a_dawns_forecast_error_is_that_of_an_afternoon(lead_hours: float, spread: float) -> None:
    found = []
    for truth in TRUTHS:
        for day in DAYS:
            path = truth.path(NEW_YORK, day, Extreme.LOW)
            found.append(path.truth - path.known_at(path.falls_at - timedelta(hours=lead_hours)))

    assert statistics.pstdev(found) == pytest.approx(spread, rel=0.08)


def test_the_dawns_news_is_not_the_afternoons() -> None:
    pairs = []
    for truth in TRUTHS:
        for day in DAYS:
            low, high = truth.path(NEW_YORK, day, Extreme.LOW), truth.path(NEW_YORK, day)
            pairs.append((low.truth - low.knowable[0], high.truth - high.knowable[0]))

    assert abs(statistics.correlation(*map(list, zip(*pairs, strict=True)))) < 0.1


def test_every_dawn_is_colder_than_its_afternoon() -> None:
    assert all(
        truth.dawn(city, day) <= truth.high(city, day) - 2 for truth in TRUTHS for city in cities() for day in DAYS
    )


def test_the_market_for_a_low_is_bounded_by_what_was_measured_and_close_to_the_outcome() -> None:
    misses = []
    for truth in TRUTHS:
        weather = SimulatedWeather(truth)
        beliefs = Beliefs(truth, weather)
        for day in DAYS[::4]:
            plan = plan_event(truth, LOW_OF_NEW_YORK, day)
            for hours in (30, 8, -4, -14):
                at = truth.path(NEW_YORK, day, Extreme.LOW).falls_at - timedelta(hours=hours)
                belief = beliefs.market(LOW_OF_NEW_YORK, day, at)
                chances = [belief.probability(strike) for strike in plan.strikes]
                assert sum(chances) == pytest.approx(1, abs=1e-6)
                for strike, chance in zip(plan.strikes, chances, strict=True):
                    assert strike.lower_edge < belief.ceiling or chance == 0
                if hours == 8:
                    misses.append(weather.official(LOW_OF_NEW_YORK, day) - belief.centre)

    assert statistics.pstdev(misses) < 2.6
    assert abs(statistics.fmean(misses)) < 0.5
