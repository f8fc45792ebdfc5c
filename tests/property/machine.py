"""The machine: everything that may happen to a trader, in any order."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.property.faults import Fault, faults, without
from tests.property.floor import Floor
from tests.property.trial import Trial
from tests.property.watch import DEFAULT, TIGHT, Allowed
from tests.property.world import CENTRE, SERIES, STRIKES

from milkbot.domain.orders import BookSide, TimeInForce

PAUSES = [
    timedelta(seconds=30),
    timedelta(seconds=61),
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(hours=11),
    timedelta(hours=46),  # what is open is settled then
]
CODES = ["NYC", "CHI"]
ACTS = ["halt", "cancel-all", "kill file", "resolve", "go on", "go on", "go on"]
SCENES = ["quiet", "quiet", "quiet", "quiet", "quiet", "quiet", "halted", "vanished"]
deaths = st.integers(1, 60)
Move = tuple[str, int, int]
# The forecast is off the market's belief, so that the trader has something to do.
moves = st.tuples(
    st.sampled_from(CODES), st.sampled_from([CENTRE - 2, CENTRE - 1, CENTRE + 1, CENTRE + 2]), st.integers(-10, 10)
)
perhaps_moves = st.none() | moves


class BooksAgree(RuleBasedStateMachine):
    """`floor` is set by who runs it. At the end of each example all is repaired, and the ledger has to agree."""

    floor: ClassVar[Floor]
    trial_type: ClassVar[type[Trial]] = Trial

    def __init__(self) -> None:
        super().__init__()
        self.trial = self.trial_type(self.floor)

    @initialize(
        style=st.sampled_from(["immediate", "resting"]),
        allowed=st.sampled_from([DEFAULT, TIGHT]),
        first=moves,
        second=moves,
        scene=st.sampled_from(SCENES),
    )
    def the_world_begins(self, style: str, allowed: Allowed, first: Move, second: Move, scene: str) -> None:
        """Quietly, or in a scene that the steps come to too seldom: in the first tick the first city's event refuses
        what the trader wants, or its series is not there.
        """
        self.trial.begin(style, allowed)
        self._hear(first)
        self._hear(second)
        city = CODES.index(first[0])
        if scene == "halted":
            self._hear((first[0], CENTRE + 2, 0))
            self.trial.exchange_halts(city * len(STRIKES), PAUSES[3])
            self.trial.tick()
        elif scene == "vanished":
            self.trial.tick(without(SERIES[city]))

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

    @rule(
        by_hand=st.sampled_from([False, False, False, True]),
        which=st.integers(0, 5),
        side=st.sampled_from(BookSide),
        cents=st.integers(2, 98),
        contracts=st.integers(1, 60),
        rests=st.booleans(),
    )
    def others_trade(
        self, *, by_hand: bool, which: int, side: BookSide, cents: int, contracts: int, rests: bool
    ) -> None:
        """The neighbour takes what is there; the operator, on the exchange's own site, may let an order rest."""
        tickers = self.trial.open_tickers()
        if not tickers:
            return
        ticker = tickers[which % len(tickers)]
        if by_hand:
            kind = TimeInForce.GOOD_TILL_CANCELED if rests else TimeInForce.IMMEDIATE_OR_CANCEL
            self.trial.operator_trades(ticker, side, cents, contracts, kind)
        else:
            self.trial.neighbour_trades(ticker, side, cents, contracts)

    @rule(which=st.integers(0, 5), lasting=st.sampled_from(PAUSES[2:4]))
    def exchange_halts_an_event(self, which: int, lasting: timedelta) -> None:
        """Its markets take no order, and are listed as before."""
        self.trial.exchange_halts(which, lasting)

    @rule(which=st.integers(0, 3), contracts=st.integers(1, 60))
    def neighbour_meets_what_rests(self, which: int, contracts: int) -> None:
        self.trial.neighbour_meets(which, contracts)

    @rule(act=st.sampled_from(ACTS))
    def operator_acts(self, act: str) -> None:
        """Stops everything in one of the ways there are, or checks what stopped it and goes on."""
        if act == "kill file":
            self.floor.kill_file.touch()
        elif act == "go on":
            self.floor.kill_file.unlink(missing_ok=True)
            self.trial.close_findings()
            self.trial.command("resume", "--reason", "a test")
        elif act == "resolve":
            self.trial.resolve_what_is_absent()
        elif act == "halt":
            self.trial.command("halt", "--reason", "a test")
        else:
            self.trial.command(act)

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
