"""The exchange's trading fees.

Source: the exchange's fee rounding page of 2026 (API 3.29.0 and later): quadratic fee, rounded up to 0.000001 dollars,
then the balance is aligned to 0.0001 dollars for direct members.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from milkbot.domain.units import CASH_STEP, ONE, ZERO, Cash, Count, Price, round_up

TAKER_RATE = Decimal("0.07")
MAKER_RATE = Decimal("0.0175")
BALANCE_STEP = Decimal("0.0001")


class FeeType(StrEnum):
    """The fee types of a series that this program knows how to price."""

    QUADRATIC = "quadratic"
    QUADRATIC_WITH_MAKER_FEES = "quadratic_with_maker_fees"


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What a series charges: `fee_type` and `fee_multiplier` of GET /series, event overrides applied."""

    fee_type: FeeType
    multiplier: Decimal

    def taker(self, contracts: Count, at: Price) -> Cash:
        """multiplier x 0.07 x C x P x (1 - P) in dollars, rounded up to 0.000001."""
        return self._quadratic(TAKER_RATE, contracts, at)

    def maker(self, contracts: Count, at: Price) -> Cash:
        """Nothing on quadratic series; 0.0175 in place of 0.07 on those with maker fees."""
        if self.fee_type is FeeType.QUADRATIC:
            return Cash(ZERO)
        return self._quadratic(MAKER_RATE, contracts, at)

    def _quadratic(self, rate: Decimal, contracts: Count, at: Price) -> Cash:
        return Cash(round_up(self.multiplier * rate * contracts * at * (ONE - at), CASH_STEP))


def aligned(fee: Cash) -> Cash:
    """The fee as a direct member's balance shows it: rounded up to 0.0001 dollars."""
    return Cash(round_up(fee, BALANCE_STEP))
