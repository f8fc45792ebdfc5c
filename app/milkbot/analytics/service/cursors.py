"""Where a page of a list ends and the next one begins, as text that a client hands back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

MOST_SHOWN = 9_999
"""What the pattern of a cursor allows."""
_MINUTE = "%Y%m%dT%H%M"
TRADES_PATTERN = r"^[0-9]{8}T[0-9]{4}-[0-9]{1,4}$"
MARKETS_PATTERN = r"^[0-9]{8}-[A-Z0-9]+-[A-Z0-9]+-[A-Z0-9.-]+$"


@dataclass(frozen=True, slots=True)
class TradesCursor:
    """The last minute that was shown, and how many of its trades were. A trade has no id that the public may see."""

    minute: datetime
    shown: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for a text that `str` never made."""
        minute, _, shown = _matching(TRADES_PATTERN, text).rpartition("-")
        return cls(datetime.strptime(minute, _MINUTE).replace(tzinfo=UTC), int(shown))

    def __str__(self) -> str:
        return f"{self.minute.astimezone(UTC):{_MINUTE}}-{self.shown}"


@dataclass(frozen=True, slots=True)
class MarketsCursor:
    """The last market that was shown."""

    day: date
    ticker: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for a text that `str` never made."""
        day, _, ticker = _matching(MARKETS_PATTERN, text).partition("-")
        return cls(date(int(day[:4]), int(day[4:6]), int(day[6:])), ticker)

    def __str__(self) -> str:
        return f"{self.day:%Y%m%d}-{self.ticker}"


def _matching(pattern: str, text: str) -> str:
    if re.match(pattern, text) is None:
        raise ValueError("not a cursor; use the next_cursor of an answer")
    return text
