"""A few market makers and a crowd that takes: everyone on the simulated exchange except the accounts.

Spreads, sizes and the number of trades are those of recorded days; docs/simulator.md compares them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from milkbot.domain.markets import Strike
from milkbot.simulator.engine.plan import EventPlan, Quote, Take
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT
from milkbot.simulator.world.beliefs import Beliefs
from milkbot.simulator.world.draws import Draws
from milkbot.simulator.world.knots import Knots

STEP_SECONDS = 300
_HOUR = timedelta(hours=1)
MOOD_SECONDS = 900
"""How long the makers keep the width and the size of their quotes in a market."""

CROWD = "house:crowd"
CROWD_STEPS_AT_ONCE = 3
"""A market that nobody reads is not stepped; when it is read again, the crowd sends at most so many steps' orders."""

_HOURS_OF_WIDTH = (-14.0, -12.0, -9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 10.0, 11.0, 13.0, 14.0, 15.0, 16.0, 24.0)
_MEAN_WIDTH = Knots(_HOURS_OF_WIDTH, (3.2, 3.0, 2.0, 1.7, 2.1, 2.7, 2.6, 1.8, 1.9, 2.8, 3.4, 3.3, 2.7, 1.8, 1.5))
"""Mean of ask minus bid in cents, by hours since the climate day began: KXHIGHNY on 15 days of December 2025."""

_HOURS_OF_TRADE = (-14.0, -10.0, -8.0, -4.0, 0.0, 2.0, 6.0, 7.0, 8.0, 10.0, 12.0, 14.0, 15.0, 16.0, 17.0, 20.0, 24.0)
_TRADES_PER_HOUR = Knots(_HOURS_OF_TRADE, (7, 8, 14, 19, 28, 9, 9, 35, 64, 70, 93, 98, 87, 60, 21, 10, 5))
"""Trades of one event by hours since its day began, mean of 819 events of 2024-25. Then the exchange closed at night:
the hours from 03:00 to 06:00 are put between their neighbours."""

_ORDERS_PER_TRADE = 0.9
"""An order that takes several offers prints several trades."""

_OVERROUND = 0.8
"""Cents by which a bracket's quotes stand above its probability: the six mids of an event sum to about 1.05."""


@dataclass(frozen=True, slots=True)
class Maker:
    """One market maker: cents that its quotes are wider than the tightest, sizes, patience.

    `layers`: cents behind its best price, and contracts there. `inventory_per_cent`: contracts of position for which it
    moves its quotes by one cent.
    """

    name: str
    wider: int
    layers: tuple[tuple[int, int], ...]
    inventory_per_cent: int


MAKERS = (
    Maker("house:north", 0, ((0, 20), (1, 25), (2, 40)), 1_500),
    Maker("house:south", 1, ((0, 15), (2, 60), (4, 120)), 3_000),
    Maker("house:west", 4, ((0, 120), (3, 240), (8, 480)), 8_000),
)
SIZE_SPREAD = 1.1
"""Standard deviation of the logarithm of a size around the layer's."""

MOST_SKEW = 1.0
"""Cents by which a position moves quotes at most: makers who know the price do not give it away to be flat."""


MOODS = 64
"""Different sets of sizes; each market has one of them for a while."""

_Layers: TypeAlias = tuple[tuple[tuple[int, str, int, str, int], ...], ...]
"""For each maker and layer the cents behind, the key and the lots of its bid, and those of its ask."""


class Makers:
    """The house of a simulated world: quotes in steps of five minutes."""

    def __init__(self, seed: int, beliefs: Beliefs) -> None:
        self._seed = seed
        self._beliefs = beliefs
        self._layers = tuple(_draw_layers(seed, number) for number in range(MOODS))

    def moments(self, plan: EventPlan, ticker: str, after: datetime, until: datetime) -> Iterable[datetime]:  # noqa: ARG002 - every market has the same steps
        """Each five minutes in (after, until]."""
        moment = _floor(after) + timedelta(seconds=STEP_SECONDS)
        while moment <= until:
            yield moment
            moment += timedelta(seconds=STEP_SECONDS)

    def latest_moment(self, plan: EventPlan, ticker: str, until: datetime) -> datetime | None:  # noqa: ARG002 - as above
        """The last five-minute step."""
        return _floor(until)

    def quotes(self, plan: EventPlan, strike: Strike, at: datetime, inventory: Mapping[str, int]) -> list[Quote]:
        """Three layers on either side from each maker, around its belief, leaning against its position."""
        seconds = int(at.timestamp())
        step = seconds // STEP_SECONDS
        mood = Draws(self._seed, "mood", plan.market_ticker(strike), seconds // MOOD_SECONDS)
        chance = self._beliefs.market(plan.series, plan.day, at).probability(strike)
        fair = 100 * chance
        middle = fair + min(_OVERROUND, fair, 100 - fair) + 0.5
        tightest = _width(mood, chance, _hours(plan, at))
        quotes: list[Quote] = []
        for maker, layers in zip(MAKERS, self._layers[int(MOODS * mood.uniform())], strict=True):
            held = inventory.get(maker.name, 0) / LOTS_PER_CONTRACT
            skew = min(max(held / maker.inventory_per_cent, -MOST_SKEW), MOST_SKEW)
            width = tightest + maker.wider
            best_bid = math.floor(middle - skew - width / 2)
            best_ask = max(best_bid + width, 1)
            for behind, bid_key, bid_lots, ask_key, ask_lots in layers:
                bid, ask = best_bid - behind, best_ask + behind
                if bid >= 1:
                    quotes.append(Quote(maker.name, bid_key, True, min(bid, 99), bid_lots, step))
                if ask <= 99:
                    quotes.append(Quote(maker.name, ask_key, False, ask, ask_lots, step))
        return quotes

    def takes(self, plan: EventPlan, strike: Strike, at: datetime, since: datetime | None) -> list[Take]:
        """Orders of people with no better idea than the market: near its fair price, either side, some large."""
        passed = 1 if since is None else (at - since) // timedelta(seconds=STEP_SECONDS)
        draws = Draws(self._seed, "crowd", plan.market_ticker(strike), int(at.timestamp()))
        chance = self._beliefs.market(plan.series, plan.day, at).probability(strike)
        trades = _TRADES_PER_HOUR(_hours(plan, at)) * _interest(chance) / len(plan.strikes)
        orders = trades * _ORDERS_PER_TRADE * STEP_SECONDS / 3600
        takes = []
        for _ in range(draws.poisson(orders * min(passed, CROWD_STEPS_AT_ONCE))):
            is_bid = draws.uniform() < 0.5
            reach = draws.between(0, 6)
            cents = round(100 * chance + reach if is_bid else 100 * chance - reach)
            lots = _lots(math.exp(3.2 + 1.6 * draws.normal()))
            takes.append(Take(CROWD, is_bid, min(max(cents, 1), 99), lots))
        return takes


def _draw_layers(seed: int, number: int) -> _Layers:
    draws = Draws(seed, "sizes", number)
    bids, asks = (math.exp(SIZE_SPREAD * draws.normal()) for _ in range(2))
    return tuple(
        tuple(
            (behind, f"{maker.name}:bid:{n}", _lots(bids * size), f"{maker.name}:ask:{n}", _lots(asks * size))
            for n, (behind, size) in enumerate(maker.layers)
        )
        for maker in MAKERS
    )


def _width(mood: Draws, chance: float, hours: float) -> int:
    """Cents between the tightest bid and ask, narrower where the outcome is clear.

    Geometric around a mean that itself differs: mostly one cent, and now and then many, as recorded.
    """
    wider = (_MEAN_WIDTH(hours) - 1) * (0.4 + 0.5 * _interest(chance)) * 2 * mood.uniform()
    return 1 + math.floor(math.log(mood.uniform()) / math.log(wider / (1 + wider)))


def _interest(chance: float) -> float:
    """How much is traded at a price, about 1 in the mean of an event's brackets: most at one half."""
    return 0.4 + 4.8 * chance * (1 - chance)


def _hours(plan: EventPlan, at: datetime) -> float:
    """Since the climate day began, which ends with the last minute of trading."""
    return 24 - (plan.closes_at - at) / _HOUR


def _lots(contracts: float) -> int:
    return max(1, round(contracts)) * LOTS_PER_CONTRACT


def _floor(moment: datetime) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % STEP_SECONDS, UTC)
