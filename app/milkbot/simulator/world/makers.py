"""A few market makers and a crowd that takes: everyone on the simulated exchange except the accounts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from milkbot.domain.markets import Strike
from milkbot.simulator.engine.plan import EventPlan, Quote, Take
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT
from milkbot.simulator.world.beliefs import Beliefs
from milkbot.simulator.world.draws import Draws

STEP_SECONDS = 300
CROWD = "house:crowd"
CROWD_ORDERS_PER_STEP = 0.25
CROWD_STEPS_AT_ONCE = 12
"""A market that nobody reads is not stepped; when it is read again, the crowd sends at most an hour's orders."""


@dataclass(frozen=True, slots=True)
class Maker:
    """One market maker: error of its belief in F, half of its spread in cents, contracts at its best price."""

    name: str
    own_error: float
    half_spread: float
    size: int
    inventory_per_cent: int
    """Contracts of position for which it moves its quotes by one cent."""


MAKERS = (
    Maker("house:north", 0.35, 0.9, 60, 150),
    Maker("house:south", 0.50, 1.5, 150, 300),
    Maker("house:west", 0.80, 2.5, 400, 800),
)
LAYERS = ((0, 1.0), (2, 2.0), (5, 4.0))
"""Cents behind a maker's best price, and the size there as a multiple of its size."""

MOST_SKEW = 6.0


class Makers:
    """The house of a simulated world: quotes in steps of five minutes."""

    def __init__(self, seed: int, beliefs: Beliefs) -> None:
        self._seed = seed
        self._beliefs = beliefs

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
        step = int(at.timestamp()) // STEP_SECONDS
        quotes: list[Quote] = []
        for maker in MAKERS:
            belief = self._beliefs.of_maker(maker.name, maker.own_error, plan.series, plan.day, at)
            held = inventory.get(maker.name, 0) / LOTS_PER_CONTRACT
            skew = min(max(held / maker.inventory_per_cent, -MOST_SKEW), MOST_SKEW)
            fair = 100 * belief.probability(strike) - skew
            for layer, (behind, multiple) in enumerate(LAYERS):
                lots = int(maker.size * multiple) * LOTS_PER_CONTRACT
                bid = math.floor(fair - maker.half_spread) - behind
                ask = math.ceil(fair + maker.half_spread) + behind
                if bid >= 1:
                    quotes.append(Quote(maker.name, f"{maker.name}:bid:{layer}", True, min(bid, 98), lots, step))
                if ask <= 99:
                    quotes.append(Quote(maker.name, f"{maker.name}:ask:{layer}", False, max(ask, 2), lots, step))
        return quotes

    def takes(self, plan: EventPlan, strike: Strike, at: datetime, since: datetime | None) -> list[Take]:
        """Orders of people with no better idea than the market: near its fair price, either side, small."""
        passed = 1 if since is None else (at - since) // timedelta(seconds=STEP_SECONDS)
        draws = Draws(self._seed, "crowd", plan.market_ticker(strike), int(at.timestamp()))
        fair = 100 * self._beliefs.market(plan.series, plan.day, at).probability(strike)
        takes = []
        for _ in range(draws.poisson(CROWD_ORDERS_PER_STEP * min(passed, CROWD_STEPS_AT_ONCE))):
            is_bid = draws.uniform() < 0.5
            reach = draws.between(0, 4)
            cents = round(fair + reach if is_bid else fair - reach)
            contracts = max(1, round(math.exp(2.7 + draws.normal())))
            takes.append(Take(CROWD, is_bid, min(max(cents, 1), 99), contracts * LOTS_PER_CONTRACT))
        return takes


def _floor(moment: datetime) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % STEP_SECONDS, UTC)
