"""The risk engine: each limit refuses by its own code, and reducing orders pass."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import Cash, Count
from milkbot.risk.engine import DenialCode, Exposure, Limits, Proposal, denials


def dollars(amount: str) -> Cash:
    return Cash(Decimal(amount))


LIMITS = Limits(
    trade=dollars("20"),
    event=dollars("30"),
    city=dollars("40"),
    cluster=dollars("50"),
    open_risk=dollars("100"),
    position=Count(Decimal(50)),
)
ORDER = Proposal("NY-1", "NY", "NYC", "northeast", dollars("10"), Count(Decimal(20)), reduces=False)
EMPTY = Exposure(dollars("1000"))


def test_an_order_within_every_limit_passes() -> None:
    assert denials(ORDER, EMPTY, LIMITS, TradingState.ACTIVE) == ()


@pytest.mark.parametrize(
    ("order", "exposure", "code"),
    [
        (ORDER, replace(EMPTY, cash=dollars("9.99")), DenialCode.BALANCE_TOO_LOW),
        (replace(ORDER, risk=dollars("20.01")), EMPTY, DenialCode.TRADE_RISK),
        (replace(ORDER, held_after=Count(Decimal(51))), EMPTY, DenialCode.POSITION_SIZE),
        (ORDER, replace(EMPTY, by_event={"NY": dollars("20.01")}), DenialCode.EVENT_RISK),
        (ORDER, replace(EMPTY, by_city={"NYC": dollars("30.01")}), DenialCode.CITY_EXPOSURE),
        (ORDER, replace(EMPTY, by_cluster={"northeast": dollars("40.01")}), DenialCode.CLUSTER_EXPOSURE),
        (ORDER, replace(EMPTY, by_event={"CHI": dollars("90.01")}), DenialCode.OPEN_RISK),
        (ORDER, replace(EMPTY, blocked_events=frozenset({"NY"})), DenialCode.EVENT_UNRESOLVED),
    ],
)
def test_each_limit_refuses_by_its_own_code(order: Proposal, exposure: Exposure, code: DenialCode) -> None:
    assert denials(order, exposure, LIMITS, TradingState.ACTIVE) == (code,)


def test_a_limit_that_is_met_exactly_is_not_broken() -> None:
    exposure = replace(EMPTY, cash=dollars("10"), by_event={"NY": dollars("20")})
    assert denials(ORDER, exposure, LIMITS, TradingState.ACTIVE) == ()


def test_two_orders_of_one_tick_count_together() -> None:
    after_one = EMPTY.with_order(replace(ORDER, risk=dollars("20")))
    assert denials(replace(ORDER, risk=dollars("11")), after_one, LIMITS, TradingState.ACTIVE) == (
        DenialCode.EVENT_RISK,
    )


def test_halted_lets_nothing_pass_and_reducing_only_what_reduces() -> None:
    closing = replace(ORDER, reduces=True, risk=dollars("0"))
    assert denials(closing, EMPTY, LIMITS, TradingState.HALTED) == (DenialCode.TRADING_HALTED,)
    assert denials(ORDER, EMPTY, LIMITS, TradingState.REDUCING) == (DenialCode.ONLY_REDUCING,)
    assert denials(closing, EMPTY, LIMITS, TradingState.REDUCING) == ()


def test_an_event_with_an_unknown_order_takes_no_order_at_all() -> None:
    closing = replace(ORDER, reduces=True, risk=dollars("0"))
    blocked = replace(EMPTY, blocked_events=frozenset({"NY"}))
    assert denials(closing, blocked, LIMITS, TradingState.ACTIVE) == (DenialCode.EVENT_UNRESOLVED,)
