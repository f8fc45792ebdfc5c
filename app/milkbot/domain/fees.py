"""The exchange's trading fees.

Source: the exchange's fee rounding page of 2026 (API 3.29.0 and later): quadratic fee, rounded up to 0.000001 dollars,
then the balance is aligned to 0.0001 dollars for direct members.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from milkbot.domain.units import CASH_STEP, ONE, ZERO, Cash, Count, Price, round_up

TAKER_RATE = Decimal("0.07")
MAKER_RATE = Decimal("0.0175")
BALANCE_STEP = Decimal("0.0001")
_MULTIPLIER = re.compile(r"[0-9]+(\.[0-9]+)?")


class FeeType(StrEnum):
    """The fee types of a series that this program knows how to price, and the one of all others."""

    QUADRATIC = "quadratic"
    QUADRATIC_WITH_MAKER_FEES = "quadratic_with_maker_fees"
    UNKNOWN = "unknown"
    """Priced as the dearest that we know, so that a decision can be stored; the risk engine lets no order pass."""

    @classmethod
    def _missing_(cls, value: object) -> FeeType:
        del value
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What a series charges: `fee_type` and `fee_multiplier` of GET /series, event overrides applied."""

    fee_type: FeeType
    multiplier: Decimal

    @property
    def text(self) -> str:
        """As it is stored and shown, `quadratic x 1`; `of_text` reads it."""
        return f"{self.fee_type} x {self.multiplier.normalize():f}"

    @classmethod
    def of_text(cls, text: str) -> FeeSchedule:
        """Raises ValueError for what `text` never wrote."""
        kind, found, multiplier = text.partition(" x ")
        if not found or not _MULTIPLIER.fullmatch(multiplier):
            raise ValueError(f"not a fee schedule: {text!r}")
        return cls(FeeType(kind), Decimal(multiplier))

    @property
    def is_known(self) -> bool:
        """Whether this program can price what the series charges."""
        return self.fee_type is not FeeType.UNKNOWN

    def model(self, contracts: Count, at: Price, *, is_taker: bool) -> Decimal:
        """The exact fee of the formula in dollars, before any rounding: rate x multiplier x C x P x (1 - P)."""
        free = not is_taker and self.fee_type is FeeType.QUADRATIC
        rate = ZERO if free else TAKER_RATE if is_taker else MAKER_RATE
        return self.multiplier * rate * contracts * at * (ONE - at)

    def taker(self, contracts: Count, at: Price) -> Cash:
        """multiplier x 0.07 x C x P x (1 - P) in dollars, rounded up to 0.000001."""
        return Cash(round_up(self.model(contracts, at, is_taker=True), CASH_STEP))

    def maker(self, contracts: Count, at: Price) -> Cash:
        """Nothing on quadratic series; 0.0175 in place of 0.07 on those with maker fees."""
        return Cash(round_up(self.model(contracts, at, is_taker=False), CASH_STEP))


def aligned(fee: Cash) -> Cash:
    """The fee as a direct member's balance shows it: rounded up to 0.0001 dollars."""
    return Cash(round_up(fee, BALANCE_STEP))
