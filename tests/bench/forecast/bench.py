"""What the default's edges were worth on the recorded data: figures of docs/forecast.md and docs/strategy.md.

`python -m tests.bench.forecast.bench DATA edges`: by a taker at the recorded quotes, every 15 minutes.
`python -m tests.bench.forecast.bench DATA maker`: by a maker on the tape, filled when a trade went through its price.
`python -m tests.bench.forecast.bench DATA days`: how long the sequential test would take to show the measured skill.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from milkbot.domain.chances import to_one
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.units import ONE, Count, complement
from milkbot.forecast.anchored import Anchored
from milkbot.forecast.forecaster import NoForecast
from milkbot.score.bootstrap import interval
from milkbot.score.evaluate import Answer, difference, evaluate
from milkbot.score.events import RecordedEvent
from milkbot.score.fit import WalkForward, fit
from milkbot.score.load import load
from milkbot.score.moments import parse
from milkbot.score.recording import Recording
from milkbot.score.tape import Tape
from milkbot.score.yardsticks import MID
from milkbot.sizing.evidence import ALPHA, DayGain, evidence, most_wealth

FEES = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
LEAST_PRICE, MOST_SPREAD = 0.10, 0.04
"""The strategy's own bounds, in dollars."""
CLAIMS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10, 1.0)
MARGINS = (0.01, 0.02, 0.03, 0.05, 0.10)
MAKER_TIMES = (*(f"prev{hour}" for hour in range(15, 24)), *(f"day{hour:02}" for hour in range(20)))
EVIDENCE_TIMES = ("prev18", "day07", "day10", "day13")
HORIZON_DAYS, BLOCK_DAYS, DRAWS, SEED = 3_650, 5, 1_000, 1


@dataclass(frozen=True, slots=True)
class Bet:
    """One contract of one leg, in dollars: what it claimed and gained, and how many stood for it."""

    day: date
    ticker: str
    claimed: float
    gained: float
    volume: float = 1.0


def edges(recording: Recording) -> None:
    """Claimed against gained by a taker, by the shipped parameters."""
    bets = [bet for event in recording.events for bet in _takes(recording, event)]
    for low, high in pairwise(CLAIMS):
        mine = [bet for bet in bets if low < bet.claimed <= high]
        show(f"claimed {100 * low:g} to {100 * high:g} cents, {len({bet.ticker for bet in mine})} markets", mine)


def _takes(recording: Recording, event: RecordedEvent) -> Iterator[Bet]:
    moment, end = event.opened_at, event.series.city.day_bounds(event.day)[1]
    while moment < end:
        moment += timedelta(minutes=15)
        answer = Anchored().forecast(recording.inputs(event, moment))
        if isinstance(answer, NoForecast):
            continue
        prices = recording.taker_prices(event, moment)
        for bracket, chance, (bid, ask) in zip(event.brackets, answer, prices, strict=True):
            if bid is None or ask is None or float(ask - bid) > MOST_SPREAD:
                continue
            legs = [(chance, bracket.won, ask), (1 - chance, not bracket.won, complement(bid))]
            costs = [float(price + FEES.taker(Count(ONE), price)) for _, _, price in legs]
            best = max((0, 1), key=lambda leg: legs[leg][0] - costs[leg])
            probability, won, price = legs[best]
            if price >= Decimal(str(LEAST_PRICE)):
                yield Bet(event.day, bracket.ticker, probability - costs[best], won - costs[best])


def maker(recording: Recording, walk: WalkForward) -> None:
    """Claimed against gained by who rests at a margin below the value of a leg, for 15 and for 60 minutes."""
    for minutes in (15, 60):
        bets: dict[float, list[Bet]] = defaultdict(list)
        for event in recording.events:
            for name in MAKER_TIMES:
                for margin, bet in _rested(recording, walk, event, name, timedelta(minutes=minutes)):
                    bets[margin].append(bet)
        for margin in MARGINS:
            show(f"margin {100 * margin:g} cents, stands for {minutes} minutes", bets[margin])


def _rested(
    recording: Recording, walk: WalkForward, event: RecordedEvent, at: str, stands: timedelta
) -> Iterator[tuple[float, Bet]]:
    """A bid for each leg, short of the other side; filled by takers whose price lies beyond it."""
    tape, moment = recording.prices, parse(at).of(event)
    inputs = recording.inputs(event, moment)
    answer = walk.forecast(inputs)
    if isinstance(answer, NoForecast) or not isinstance(tape, Tape):
        return
    for bracket, chance, seen in zip(event.brackets, answer, inputs.brackets, strict=True):
        if seen.quote is None or seen.quote.bid is None or seen.quote.ask is None:
            continue
        traded = tape.traded(bracket.ticker, moment, moment + stands)
        sides = (
            (chance, bracket.won, float(seen.quote.ask), traded.prices, ~traded.is_yes),
            (1 - chance, not bracket.won, 1 - float(seen.quote.bid), 1 - traded.prices, traded.is_yes),
        )
        for value, won, other_side, prices, sold in sides:
            for margin in MARGINS:
                bid = math.floor((value - margin) * 100 + 1e-9) / 100
                through = traded.counts[sold & (prices < bid - 1e-9)]
                if LEAST_PRICE <= bid < other_side - 1e-9 and len(through):
                    yield margin, Bet(event.day, bracket.ticker, value - bid, won - bid, float(through.sum()))


def show(title: str, bets: Sequence[Bet]) -> None:
    """Means in cents with the interval by days, each bet once and by the volume that stood for it."""
    if not bets:
        print(f"{title}: none")
        return
    days, gains, volumes = [bet.day for bet in bets], [bet.gained for bet in bets], [bet.volume for bet in bets]
    claimed = 100 * float(np.mean([bet.claimed for bet in bets]))
    once, by_volume = (_mean(days, gains, weights) for weights in ([1.0] * len(bets), volumes))
    print(f"{title}: {len(bets)} contracts, claimed {claimed:+.1f}, gained {once}, by volume {by_volume}")


def _mean(days: Sequence[date], gains: Sequence[float], weights: Sequence[float]) -> str:
    found = interval(days, gains, weights)
    bounds = f" [{100 * found.low:+.1f}, {100 * found.high:+.1f}]" if found else ""
    return f"{100 * float(np.average(gains, weights=weights)):+.1f}{bounds}"


def days(recording: Recording, walk: WalkForward) -> None:
    """Days until the test says `better`, when the recorded days are drawn anew in blocks."""
    for name in EVIDENCE_TIMES:
        both = difference(evaluate(recording, walk, parse(name)), evaluate(recording, MID, parse(name)))
        by_day: dict[date, list[tuple[float, float, float]]] = defaultdict(list)
        for ours, theirs in zip(both.ours.answers, both.theirs.answers, strict=True):
            by_day[ours.event.day].append(_gain(ours, theirs))
        gains = [DayGain(*(float(one) for one in np.mean(by_day[day], axis=0))) for day in sorted(by_day)]
        values = np.array([gain.gain for gain in gains])
        print(f"{name}: {len(gains)} days, mean gain {values.mean():.5f}, sd {values.std(ddof=1):.5f}, ", end="")
        print(f"the days themselves say {evidence(gains).standing}")
        found = np.array(list(_firsts(gains)))
        quartiles = ", ".join(f"{one:.0f}" for one in np.quantile(found, [0.25, 0.5, 0.75], method="lower"))
        shares = ", ".join(f"{np.mean(found <= limit):.1%} in {limit}" for limit in (183, 365, 1_000, HORIZON_DAYS))
        print(f"  days until better, quartiles: {quartiles}; found {shares} days")


def _gain(ours: Answer, theirs: Answer) -> tuple[float, float, float]:
    """The market's Brier score less ours, and the least and the most that it could have been."""
    by_winner = _brier(theirs) - _brier(ours)
    return float(by_winner[ours.event.winner]), float(by_winner.min()), float(by_winner.max())


def _brier(answer: Answer) -> NDArray[np.float64]:
    """The score for each bracket that may win."""
    chances = np.array(to_one(answer.probabilities))
    found: NDArray[np.float64] = (chances**2).sum() - 2 * chances + 1
    return found


def _firsts(gains: Sequence[DayGain]) -> Iterator[float]:
    """For each draw the first day on which the test says `better`; infinity where it never does."""
    draw = np.random.default_rng(SEED)
    for _ in range(DRAWS):
        starts = draw.integers(0, len(gains), HORIZON_DAYS // BLOCK_DAYS)
        drawn = (gains[(start + step) % len(gains)] for start in starts.tolist() for step in range(BLOCK_DAYS))
        found = (number for number, wealth in enumerate(most_wealth(drawn), 1) if wealth >= 1 / ALPHA)
        yield next(found, math.inf)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("what", choices=("edges", "maker", "days"))
    asked = parser.parse_args()
    (recording,) = load(asked.data, "quotes" if asked.what == "edges" else "tape")
    if asked.what == "edges":
        edges(recording)
        return
    walk = fit(recording).walk
    if asked.what == "maker":
        maker(recording, walk)
    else:
        days(recording, walk)


if __name__ == "__main__":
    main()
