"""The account's data as it was some time ago, for reads that lag behind the matching engine."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta

from milkbot.simulator.engine.state import State

MOST = 500


class Mirror:
    """Copies of the state, taken after each change for as long as a lagging read may still come."""

    def __init__(self) -> None:
        self._copies: deque[State] = deque(maxlen=MOST)

    @property
    def is_empty(self) -> bool:
        """Whether there is no earlier state yet."""
        return not self._copies

    def note(self, state: State) -> None:
        """Keep the state as it is now. Markets are not copied: what lags is the account's data."""
        orders = {key: replace(order) for key, order in state.orders.items()}
        self._copies.append(
            replace(
                state,
                accounts={key: replace(each, holdings=dict(each.holdings)) for key, each in state.accounts.items()},
                orders=orders,
                resting={key: orders[key] for key in state.resting},
                fills=list(state.fills),
                settlements=list(state.settlements),
                touched={},
            )
        )

    def at(self, moment: datetime) -> State:
        """The newest copy that is not younger than that, else the oldest. Only while it is not empty."""
        return next((copy for copy in reversed(self._copies) if copy.now <= moment), self._copies[0])

    def forget(self) -> None:
        """Drop all copies."""
        self._copies.clear()

    def seen_from(self, state: State, seconds: float) -> State:
        """The lagging view of a state: its present moment, with the account's data of `seconds` ago."""
        if self.is_empty:
            return state
        return replace(self.at(state.now - timedelta(seconds=seconds)), now=state.now, markets=state.markets)
