"""The machine: everything that may happen to a trader, in any order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.property.faults import Fault, faults
from tests.property.floor import Floor
from tests.property.trial import Trial
from tests.property.world import CENTRE

from milkbot.domain.orders import BookSide, TimeInForce

PAUSES = [timedelta(seconds=30), timedelta(seconds=61), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=11)]
TO_SETTLEMENT = timedelta(hours=46)
CODES = ["NYC", "CHI"]

deaths = st.integers(1, 60)
Move = tuple[str, int, int]
moves = st.tuples(st.sampled_from(CODES), st.integers(CENTRE - 2, CENTRE + 2), st.integers(-20, 20))
perhaps_moves = st.none() | moves


class BooksAgree(RuleBasedStateMachine):
    """`floor` is set by who runs it. At the end of each example all is mended, and the books have to agree."""

    floor: ClassVar[Floor]
    trial_type: ClassVar[type[Trial]] = Trial

    def __init__(self) -> None:
        super().__init__()
        self.trial = self.trial_type(self.floor)

    @initialize(first=moves, second=moves)
    def the_world_begins(self, first: Move, second: Move) -> None:
        self._hear(first)
        self._hear(second)

    @rule(news=perhaps_moves)
    def tick(self, news: Move | None) -> None:
        self._hear(news)
        self.trial.tick()

    @rule(news=perhaps_moves, fault=faults)
    def tick_on_a_faulty_wire(self, news: Move | None, fault: Fault) -> None:
        self._hear(news)
        self.trial.tick(fault)

    @rule(news=perhaps_moves, steps=deaths, fault=st.none() | faults)
    def tick_that_is_killed(self, news: Move | None, steps: int, fault: Fault | None) -> None:
        self._hear(news)
        self.trial.tick(fault, steps)

    @rule(delta=st.sampled_from(PAUSES))
    def time_passes(self, delta: timedelta) -> None:
        self.trial.later(delta)

    @rule()
    def the_days_events_are_settled(self) -> None:
        self.trial.later(TO_SETTLEMENT)

    @rule(
        which=st.integers(0, 5), side=st.sampled_from(BookSide), cents=st.integers(2, 98), contracts=st.integers(1, 60)
    )
    def neighbour_trades(self, which: int, side: BookSide, cents: int, contracts: int) -> None:
        self._at_market(self.trial.neighbour_trades, which, side, cents, contracts)

    @rule(
        which=st.integers(0, 5),
        side=st.sampled_from(BookSide),
        cents=st.integers(2, 98),
        contracts=st.integers(1, 20),
        time_in_force=st.sampled_from([TimeInForce.GOOD_TILL_CANCELED, TimeInForce.IMMEDIATE_OR_CANCEL]),
    )
    def operator_trades(
        self, which: int, side: BookSide, cents: int, contracts: int, time_in_force: TimeInForce
    ) -> None:
        self._at_market(self.trial.operator_trades, which, side, cents, contracts, time_in_force)

    @rule(command=st.sampled_from([("halt", "--reason", "a test"), ("resume", "--reason", "a test"), ("cancel-all",)]))
    def operator_commands(self, command: tuple[str, ...]) -> None:
        self.trial.command(*command)

    @invariant()
    def no_rule_is_broken(self) -> None:
        assert not self.trial.watch.broken, "\n".join(self.trial.watch.broken)

    def teardown(self) -> None:
        self.trial.heal()
        wrong = self.trial.verdict()
        assert not wrong, "\n".join(wrong)

    def _hear(self, news: Move | None) -> None:
        """The forecast or the market of a city moves, a little before a tick."""
        if news is None:
            return
        code, forecast, belief = news
        world, now = self.trial.floor.world, self.trial.floor.now()
        world.forecasts[code].move(now, forecast)
        world.beliefs[code].move(now, CENTRE + belief / 10)
        self.trial.later(PAUSES[0])

    def _at_market(self, act: Any, which: int, *how: Any) -> None:
        tickers = self.trial.open_tickers()
        if tickers:
            act(tickers[which % len(tickers)], *how)
