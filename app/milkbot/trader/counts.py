"""What a tick counts, and the form in which the database keeps it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from milkbot.domain.unread import UnreadObject

_REASON: Final = "reason "
_DENIED: Final = "denied "
_ORDERS: Final = "orders "
_UNREAD: Final = "unread "
_MISSING: Final = "missing "


@dataclass(slots=True)
class TickCounts:
    """Numbers of one tick, or of several added up. None: no tick came to the step that counts it.

    `weather_problems` are forecasts and measurements missing or too old, `left_out` measurements that are not
    plausible. `too_late` are orders that were not sent any more. `reasons` are decisions by their first reason,
    `denied` by code, `orders` by the state that sending them left. `unread` are objects of the exchange that could not
    be read, by their kind. `expected` are the markets that were due at that hour, `missing` those of them that were not
    seen, by series.
    """

    fills: int | None = None
    settlements: int | None = None
    mismatches: int | None = None
    invariants_broken: int | None = None
    canceled: int | None = None
    too_late: int | None = None
    events: int | None = None
    expected: int | None = None
    decisions: int | None = None
    weather_problems: int | None = None
    left_out: int | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    denied: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of_row(cls, row: Mapping[str, int]) -> Self:
        """The counts of a stored row, also of one that another release wrote: names that are not known are ignored."""
        return cls(
            fills=row.get("fills"),
            settlements=row.get("settlements"),
            mismatches=row.get("mismatches"),
            invariants_broken=row.get("invariants broken"),
            canceled=row.get("canceled"),
            too_late=row.get("too late"),
            events=row.get("events"),
            expected=row.get("expected markets"),
            decisions=row.get("decisions"),
            weather_problems=row.get("weather problems"),
            left_out=row.get("measurements left out"),
            reasons=_after(_REASON, row),
            denied=_after(_DENIED, row),
            orders=_after(_ORDERS, row),
            unread=_after(_UNREAD, row),
            missing=_after(_MISSING, row),
        )

    def row(self) -> dict[str, int]:
        """What is stored and printed: the names and numbers of all that was counted."""
        numbers = {
            "fills": self.fills,
            "settlements": self.settlements,
            "mismatches": self.mismatches,
            "invariants broken": self.invariants_broken,
            "canceled": self.canceled,
            "too late": self.too_late,
            "events": self.events,
            "expected markets": self.expected,
            "decisions": self.decisions,
            "weather problems": self.weather_problems,
            "measurements left out": self.left_out,
        }
        return {
            **{name: number for name, number in numbers.items() if number is not None},
            **_before(_REASON, self.reasons),
            **_before(_DENIED, self.denied),
            **_before(_ORDERS, self.orders),
            **_before(_UNREAD, self.unread),
            **_before(_MISSING, self.missing),
        }

    def add_fills(self, number: int) -> None:
        """Count fills that were found after the first ones."""
        self.fills = (self.fills or 0) + number

    def add_unread(self, objects: Iterable[UnreadObject]) -> None:
        """Count objects that could not be read."""
        self.unread.update(one.kind for one in objects)

    def add_canceled(self, number: int) -> None:
        """Count orders that the exchange was asked to cancel."""
        self.canceled = (self.canceled or 0) + number


def _before(prefix: str, counted: Counter[str]) -> dict[str, int]:
    return {f"{prefix}{name}": number for name, number in counted.items()}


def _after(prefix: str, row: Mapping[str, int]) -> Counter[str]:
    return Counter({name.removeprefix(prefix): number for name, number in row.items() if name.startswith(prefix)})
