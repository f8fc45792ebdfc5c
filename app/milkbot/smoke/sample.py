"""What the checks write: a market that does not exist, in a ledger that nobody trades in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from milkbot.domain.modes import TradingMode


@dataclass(frozen=True, slots=True)
class Sample:
    """What the checks write. Its name is new each time, so that no two runs wait for each other."""

    mode: TradingMode
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    name: str = field(default_factory=lambda: f"SMOKE{uuid.uuid4().hex[:12].upper()}")

    @classmethod
    def in_other_mode(cls, mode: TradingMode) -> Sample:
        """A sample in the ledger of a mode that a host of that mode does not trade in."""
        return cls(TradingMode.DEMO if mode is TradingMode.SHADOW else TradingMode.SHADOW)

    @property
    def event(self) -> str:
        return f"{self.name}-X"

    @property
    def ticker(self) -> str:
        return f"{self.event}-B60.5"

    @property
    def happened(self) -> datetime:
        """Long enough ago to be public."""
        return self.now - timedelta(hours=2)

    @property
    def newest(self) -> datetime:
        """Later than any tick that begins meanwhile: what the API shows is of the mode that ticked last."""
        return self.now + timedelta(hours=1)

    @property
    def day(self) -> date:
        return self.happened.date()

    @property
    def common(self) -> dict[str, object]:
        """Columns that most tables share."""
        return {"trading_mode": self.mode, "city_code": self.name}

    @property
    def market(self) -> dict[str, object]:
        """The market's columns, too."""
        return {**self.common, "ticker": self.ticker, "event_ticker": self.event, "climate_day": self.day}
