"""What an invariant is checked on: which ledger, by which limits, when, and how far back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from milkbot.domain.modes import TradingMode
from milkbot.settings import Settings


@dataclass(frozen=True, slots=True)
class QueryContext:
    """`thorough` reads the whole history, else what is open or new."""

    settings: Settings
    now: datetime
    thorough: bool = False

    @property
    def mode(self) -> TradingMode:
        """Whose ledger."""
        return self.settings.trading_mode
