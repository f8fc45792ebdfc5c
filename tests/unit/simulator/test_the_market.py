"""The simulated market is no gift: it knows about as much as the recorded one, and costs about as much.

RECORDED has the recorded figures with their intervals (95 %, block bootstrap over days). One test computes them anew
where the recorded data is there; the others hold the simulated market to the intervals. docs/simulator.md has both.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from tests.market import recorded, simulated
from tests.market.books import Books, Trade, by_the_listing, mid_scores, spreads, taken

from milkbot.score.bootstrap import interval
from milkbot.score.moments import parse
from milkbot.score.rules import score
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT
from milkbot.simulator.world.simulated import SimulatedWorld

Figure = tuple[float, float, float]
"""What was recorded, and its interval."""

SCORES: dict[str, tuple[Figure, Figure, Figure]] = {
    "prev18": ((0.6768, 0.6600, 0.6960), (1.3424, 1.2899, 1.3993), (0.1021, 0.0967, 0.1080)),
    "prev21": ((0.6571, 0.6399, 0.6755), (1.2875, 1.2391, 1.3392), (0.0972, 0.0918, 0.1028)),
    "day00": ((0.6279, 0.6087, 0.6465), (1.2225, 1.1757, 1.2692), (0.0916, 0.0863, 0.0970)),
    "day08": ((0.6035, 0.5824, 0.6236), (1.1515, 1.1023, 1.2006), (0.0849, 0.0796, 0.0904)),
    "day10": ((0.5780, 0.5550, 0.6026), (1.1033, 1.0517, 1.1560), (0.0789, 0.0741, 0.0840)),
    "day12": ((0.5280, 0.5008, 0.5557), (0.9775, 0.9255, 1.0321), (0.0675, 0.0630, 0.0724)),
    "day14": ((0.3848, 0.3571, 0.4146), (0.7066, 0.6593, 0.7569), (0.0450, 0.0412, 0.0491)),
    "day16": ((0.2348, 0.2078, 0.2643), (0.4574, 0.4132, 0.5082), (0.0268, 0.0237, 0.0304)),
}
"""Event, log and ranked probability score of the mid: the tape of 819 events of five cities, 2024-08 to 2025-02."""

STALE = {"day16"}
"""Moments at which the log score of the tape is of brackets that nobody has traded for hours."""

QUOTES: dict[str, Figure] = {
    "spread": (2.3202, 2.1005, 2.5566),
    "mids": (1.0425, 1.0362, 1.0481),
    "asks": (1.0987, 1.0910, 1.1062),
    "bids": (0.9863, 0.9796, 0.9932),
    "claimed": (0.1215, 0.1126, 0.1319),
    "realised": (-0.0970, -0.1582, -0.0348),
}
"""KXHIGHNY on 15 days of December 2025, each hour: mean spread in cents of what is quoted on both sides, mean sums over
an event in dollars, and what `normal` claims and realises on a contract that it takes by its default rules."""

MEDIAN_SPREAD = 1.0
BEST_SIZE: Figure = (28.5, 22.5, 38.6)
"""Median contracts at the best price of a side between 10 and 90 cents: 146 sides of KXHIGHNY order books, August to
October 2026, of a public recording (ericzzhang27-sys/Kalshi-Weather-Trading, orderbook_summary_2026*.csv)."""

BY_THE_LISTING: Figure = (-0.0319, -0.0477, -0.0163)
"""Dollars that a contract realised at `prev18` on the tape's 819 events, if one takes what the middle of the brackets
says to be cheap: a forecast of the public's, and as late as the market's own opening."""

SEEDS = (1, 2)
OTHER_HOURS = (-13, -10, 3, 5)
"""Of the city's clock: with the moments of the scores they stand for the hours in which an event trades."""


@cache
def at_hours() -> dict[float, list[Books]]:
    found: dict[float, list[Books]] = {hour: [] for hour in (*map(hour_of, SCORES), *OTHER_HOURS)}
    for seed in SEEDS:
        world = SimulatedWorld(seed)
        for plan in simulated.plans(seed, simulated.season(3)):
            for hour, books in found.items():
                books.append(simulated.books(world, plan, simulated.at_civil(plan, hour)))
    return found


def all_day() -> list[Books]:
    return [one for books in at_hours().values() for one in books]


def hour_of(name: str) -> float:
    moment = parse(name)
    return moment.at.hour - 24 * moment.days_before


def best_sizes(world: SimulatedWorld, plan: EventPlan, hour: float) -> Iterator[float]:
    """Contracts at the best price of each side that costs 10 to 90 cents."""
    for strike in plan.strikes:
        quotes = world.house.quotes(plan, strike, simulated.at_standard(plan, hour), {})
        for is_bid, best in ((True, max), (False, min)):
            side = [quote for quote in quotes if quote.is_bid == is_bid]
            cents = best((quote.cents for quote in side), default=0)
            if 10 <= cents <= 90:
                yield sum(quote.lots for quote in side if quote.cents == cents) / LOTS_PER_CONTRACT


def sums(books: Sequence[Books], of: Callable[[Books], Sequence[float]]) -> list[float]:
    return [sum(of(one)) / 100 for one in books]


def quoted(books: Sequence[Books]) -> dict[str, tuple[list[date], list[float]]]:
    """The figures of QUOTES, each as days and values."""
    days = [one.day for one in books]
    pairs = [(one.day, spread) for one in books for spread in spreads([one])]
    trades: list[Trade] = list(taken(books))
    return {
        "spread": ([day for day, _ in pairs], [spread for _, spread in pairs]),
        "mids": (days, [sum(one.mids) for one in books]),
        "asks": (days, sums(books, lambda one: one.asks)),
        "bids": (days, sums(books, lambda one: one.bids)),
        "claimed": ([trade.day for trade in trades], [trade.claimed for trade in trades]),
        "realised": ([trade.day for trade in trades], [trade.realised for trade in trades]),
    }


@pytest.mark.parametrize("name", SCORES)
def test_the_simulated_market_knows_as_much_as_the_recorded_one(name: str) -> None:
    found = astuple(mid_scores(at_hours()[hour_of(name)]))

    for kind, value, (_, low, high) in zip(("event", "log", "rps"), found, SCORES[name], strict=True):
        if kind != "log" or name not in STALE:
            assert low <= value <= high, f"{kind} at {name} is {value:.4f}, recorded {low} to {high}"


@pytest.mark.parametrize("name", QUOTES)
def test_it_costs_as_much_as_the_recorded_one(name: str) -> None:
    _, low, high = QUOTES[name]
    _, values = quoted(all_day())[name]

    assert low <= statistics.fmean(values) <= high


def test_its_usual_spread_is_the_recorded_one() -> None:
    assert statistics.median(spreads(all_day())) == MEDIAN_SPREAD


def test_as_many_contracts_stand_at_the_best_price() -> None:
    _, low, high = BEST_SIZE
    world = SimulatedWorld(SEEDS[0])
    plans = simulated.plans(SEEDS[0], simulated.season(12))
    sizes = [size for plan in plans for at in (-6, 3, 10) for size in best_sizes(world, plan, at)]

    assert low <= statistics.median(sizes) <= high


def test_whoever_takes_what_the_listing_calls_cheap_loses_as_on_recorded_days() -> None:
    _, low, high = BY_THE_LISTING

    assert (
        low
        <= statistics.fmean(trade.realised for trade in taken(map(by_the_listing, at_hours()[hour_of("prev18")])))
        <= high
    )


def test_the_recorded_figures_are_those_of_the_recorded_tape(shared_data: Path) -> None:
    tape = recorded.read(shared_data, "tape")
    for name, figures in SCORES.items():
        books = [recorded.books(tape, event, parse(name).of(event)) for event in tape.events]
        found = score([one.mids for one in books], [one.winner for one in books])
        for kind, figure in zip(("event", "log", "rps"), figures, strict=True):
            assert computed([one.day for one in books], [getattr(one, kind) for one in found]) == figure
        if name == "prev18":
            trades = list(taken(map(by_the_listing, books)))
            assert computed([one.day for one in trades], [one.realised for one in trades]) == BY_THE_LISTING


def test_the_recorded_figures_are_those_of_the_recorded_quotes(shared_data: Path) -> None:
    books = list(recorded.hourly(recorded.read(shared_data, "quotes")))

    assert {name: computed(*column) for name, column in quoted(books).items()} == QUOTES
    assert statistics.median(spreads(books)) == MEDIAN_SPREAD


def computed(days: Sequence[date], values: Sequence[float]) -> Figure:
    found = interval(days, values)
    assert found is not None
    return round(statistics.fmean(values), 4), round(found.low, 4), round(found.high, 4)
