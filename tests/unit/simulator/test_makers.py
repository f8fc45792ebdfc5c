"""The house of the simulated world."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.simulator.api import Api

from milkbot.domain.cities import Extreme
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.world.makers import MAKERS, Makers


def plan_of(api: Api) -> EventPlan:
    return next(plan for plan in api.simulator.state.plans.values() if plan.status(api.now) == "active")


def house_of(api: Api) -> Makers:
    house = api.simulator.world.house
    assert isinstance(house, Makers)
    return house


def test_a_maker_never_crosses_itself_and_quotes_on_the_grid(api: Api) -> None:
    plan, house = plan_of(api), house_of(api)
    for step in range(0, 24 * 60, 35):
        for strike in plan.strikes:
            quotes = house.quotes(plan, strike, api.now + timedelta(minutes=step), {})
            for maker in MAKERS:
                mine = [quote for quote in quotes if quote.owner == maker.name]
                bids = [quote.cents for quote in mine if quote.is_bid]
                asks = [quote.cents for quote in mine if not quote.is_bid]
                assert all(1 <= cents <= 99 for cents in bids + asks)
                assert max(bids, default=0) < min(asks, default=100)


def test_a_maker_quotes_against_its_own_position(api: Api) -> None:
    plan, house, maker = plan_of(api), house_of(api), MAKERS[0]

    def asks(held: int) -> list[int]:
        quotes = [q for strike in plan.strikes for q in house.quotes(plan, strike, api.now, {maker.name: held})]
        return [quote.cents for quote in quotes if quote.owner == maker.name and not quote.is_bid]

    assert sum(asks(90_000)) < sum(asks(0))


def test_the_crowd_trades_at_the_same_times_for_the_same_seed(api: Api) -> None:
    plan, house = plan_of(api), house_of(api)
    again = Makers(house._seed, house._beliefs)  # noqa: SLF001 - the same seed, a new house
    moments = [api.now + timedelta(minutes=5 * step) for step in range(40)]

    first, second = ([h.takes(plan, plan.strikes[2], at, None) for at in moments] for h in (house, again))

    assert first == second
    assert any(first)


def test_a_dead_bracket_is_offered_for_a_cent_and_nobody_bids_for_it(api: Api) -> None:
    house = house_of(api)
    world = api.simulator.world
    plan = next(plan for plan in api.simulator.state.plans.values() if plan.series.extreme is Extreme.HIGH)
    evening = plan.closes_at - timedelta(hours=1)
    official = world.official(plan)
    dead = next(
        strike for strike in plan.strikes if strike.upper_edge < official - 3 or strike.lower_edge > official + 3
    )

    quotes = house.quotes(plan, dead, evening, {})

    assert min(quote.cents for quote in quotes) == 1
    assert not any(quote.is_bid for quote in quotes)


def test_the_crowd_comes_in_the_day_and_sleeps_at_night(api: Api) -> None:
    plan, house = plan_of(api), house_of(api)
    start = plan.city.day_bounds(plan.day)[0]

    def orders(hour: int) -> int:
        moments = (start + timedelta(hours=hour, minutes=5 * step) for step in range(12))
        return sum(len(house.takes(plan, strike, at, None)) for at in moments for strike in plan.strikes)

    assert orders(3) < orders(12) / 3
