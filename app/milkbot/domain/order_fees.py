"""The fee of each fill of an order, as the exchange rounds it: what one fill overpays, later ones get back.

Source: the exchange's fee rounding page of October 2026. A fill's balance change is floored to the member's balance
step; what that takes adds up over the order's fills, maker or taker, and comes back in whole balance steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from milkbot.domain.fees import BALANCE_STEP, TAKER_RATE, FeeSchedule
from milkbot.domain.orders import BookSide, Leg, leg_of
from milkbot.domain.positions import Fill
from milkbot.domain.units import CASH_STEP, ONE, ZERO, Cash, Count, Price, round_floor, round_up


@dataclass(frozen=True, slots=True)
class Rounding:
    """Steps in dollars: `fee` to which a fill's trade fee is rounded up, `balance` to which an account is aligned."""

    fee: Decimal
    balance: Decimal


DIRECT = Rounding(CASH_STEP, BALANCE_STEP)
"""A direct member, since API 3.29.0 (August 2026)."""
NON_DIRECT = Rounding(CASH_STEP, Decimal("0.01"))
"""A member through a clearing firm."""


@dataclass(frozen=True, slots=True)
class FillFee:
    """The parts of one fill's fee in dollars; `carried` is what its order has overpaid so far and not got back."""

    trade_fee: Cash
    rounding_fee: Cash
    rebate: Cash
    carried: Cash

    @property
    def net(self) -> Cash:
        """What the fill costs in addition to its price; never negative."""
        return Cash(self.trade_fee + self.rounding_fee - self.rebate)


def fill_fee(revenue: Decimal, model_fee: Decimal, carried: Decimal, rounding: Rounding) -> FillFee:
    """The fee of a fill that moves `revenue` dollars (negative: paid), by the schedule's unrounded `model_fee`."""
    trade_fee = round_up(model_fee, rounding.fee)
    exact = revenue - trade_fee
    rounding_fee = exact - round_floor(exact, rounding.balance)
    overpaid = carried + rounding_fee
    rebate = round_floor(min(overpaid, trade_fee + rounding_fee), rounding.balance)
    return FillFee(Cash(trade_fee), Cash(rounding_fee), Cash(rebate), Cash(overpaid - rebate))


def worst_case_cost(side: str, limit: Decimal) -> Cash:
    """The most dollars that one contract of an order may cost: its leg at the limit, and a taker's fee.

    `limit` is of the YES leg, whatever the side.
    """
    leg_price = limit if leg_of(side) is Leg.YES else ONE - limit
    return Cash(leg_price + TAKER_RATE * limit * (ONE - limit))


def order_fees(fills: Iterable[Fill], schedule: FeeSchedule, rounding: Rounding = DIRECT) -> tuple[FillFee, ...]:
    """The fee of each of an order's fills. `fills` are all of one order, in the order in which they happened.

    Whether a fill opens or closes does not matter: both legs' prices add up to a dollar and counts are whole
    hundredths, so the part below a balance step is the same.
    """
    fees: list[FillFee] = []
    carried = Cash(ZERO)
    for fill in fills:
        revenue = fill.count * (-fill.price if fill.side is BookSide.BID else fill.price)
        model = schedule.model(fill.count, fill.price, is_taker=fill.is_taker)
        fees.append(fill_fee(revenue, model, carried, rounding))
        carried = fees[-1].carried
    return tuple(fees)


def dearest(contracts: Count, at: Price, schedule: FeeSchedule, rounding: Rounding = DIRECT) -> Cash:
    """The most that an order costs in addition to its limit price: all of it taken there, in fills of a contract each.

    Fills at better prices never cost more in all: p + 0.07 p (1 - p) grows with p. Each fill may round up by one fee
    step, and what the order has overpaid in the end is below one balance step.
    """
    fills = round_up(contracts, ONE)
    model = schedule.model(contracts, at, is_taker=True)
    return Cash(round_up(model + fills * rounding.fee, rounding.balance) + rounding.balance)
