"""What holds after any sequence of orders and quotes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.simulator.scripted import DETERMINED, MIDDLE, Desk

from milkbot.domain.orders import TimeInForce
from milkbot.simulator.engine.collateral import available
from milkbot.simulator.engine.orderbook import SelfTrade
from milkbot.simulator.engine.rejects import RejectError

orders = st.tuples(
    st.sampled_from(["alice", "bob"]),
    st.sampled_from(["bid", "ask"]),
    st.integers(1, 3000),
    st.integers(1, 99),
    st.sampled_from(TimeInForce),
    st.sampled_from(SelfTrade),
)
quotes = st.tuples(st.integers(1, 60), st.integers(61, 99), st.integers(1, 20))


@settings(max_examples=60)
@given(st.lists(st.one_of(orders, quotes), max_size=25))
def test_cash_and_contracts_balance_whatever_is_sent(steps: list[tuple[object, ...]]) -> None:
    desk = Desk(balance="20")
    for step in steps:
        desk.pass_time(timedelta(minutes=1))
        if len(step) == 3:
            bid, ask, contracts = step
            desk.quote(int(str(bid)), int(str(ask)), int(str(contracts)))
            desk.market()
            continue
        who, side, lots, cents, kind, self_trade = step
        try:
            desk.order(
                str(side),
                str(Decimal(str(lots)) / 100),
                str(Decimal(str(cents)) / 100),
                who=str(who),
                time_in_force=kind,
                self_trade=self_trade,
            )
        except RejectError:
            continue
        market = desk.state.markets[MIDDLE]
        bids, asks = market.orderbook.levels(is_bid=True), market.orderbook.levels(is_bid=False)
        assert not bids or not asks or bids[0][0] < asks[0][0]
        assert sum(market.holders.values()) == 0
        for account in desk.state.accounts.values():
            assert available(desk.state, account) >= 0
            held = account.holdings.get(MIDDLE)
            assert (held.position.signed_count * 100 if held else 0) == market.holders.get(account.key_id, 0)

    desk.pass_time(DETERMINED + timedelta(hours=2))
    flows = sum((settled.revenue for settled in desk.state.settlements), Decimal(0))
    for filled in desk.state.fills:
        flows -= filled.fill.fee
        flows -= filled.fill.count * (filled.fill.price if filled.fill.side == "bid" else 1 - filled.fill.price)
    closed = sum((_both_legs(desk, key) for key in desk.state.accounts), Decimal(0))
    assert sum(account.cash for account in desk.state.accounts.values()) == 40 + flows + closed


def _both_legs(desk: Desk, account: str) -> Decimal:
    """A YES and a NO of one owner are a dollar, paid when the second is bought."""
    bought = {"bid": Decimal(0), "ask": Decimal(0)}
    for filled in desk.state.fills:
        if filled.account == account:
            bought[filled.fill.side] += filled.fill.count
    return min(bought.values())
