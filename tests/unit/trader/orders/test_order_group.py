"""The last net has to be there before an order is, and one that was triggered opens only by an operator's act."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from tests.unit.trader.ledger import DEMO, Account, Ledger

from milkbot.db.order_groups import Act
from milkbot.db.risk_tables import OrderGroupAct
from milkbot.domain.trading_state import Effect
from milkbot.settings import Settings
from milkbot.trader.orders import order_group
from milkbot.trader.orders.order_group import Group
from milkbot.venue.errors import OrderGroupError, VenueReadError

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
SETTINGS = Settings().model_copy(update={"trading_mode": DEMO, "order_group_contracts": 500})
BREAKER = "breaker order_group"


def acted(ledger: Ledger, act: Act, *, limit: int = 500, group_id: str = "group-1") -> None:
    """What was done an hour ago."""
    ledger.group_acts.append(
        OrderGroupAct(
            trading_mode=DEMO, venue_group_id=group_id, contracts_limit=limit, act=act, reason="a test", at=EARLIER
        )
    )


def stored(ledger: Ledger) -> list[tuple[str, str, int, str, datetime]]:
    rows = ledger.group_acts
    return [(row.act, row.venue_group_id, row.contracts_limit, row.reason, row.at) for row in rows]


def ensure(ledger: Ledger, account: Account) -> Group:
    return order_group.ensure(ledger.engine, account, SETTINGS, NOW)


def test_a_limit_of_zero_needs_no_group_and_reads_nothing(ledger: Ledger, account: Account) -> None:
    none = SETTINGS.model_copy(update={"order_group_contracts": 0})
    assert order_group.ensure(ledger.engine, account, none, NOW) == Group(None, ready=True)
    assert account.asked == []


def test_the_first_group_is_made_with_the_limit_and_recorded(ledger: Ledger, account: Account) -> None:
    with capture_logs() as logs:
        assert ensure(ledger, account) == Group("group-1", ready=True)
    assert account.asked == [("create_order_group", 500)]
    assert stored(ledger) == [("created", "group-1", 500, "no group with this limit was there", NOW)]
    assert logs == [{"event": "order group created", "log_level": "info", "group": "group-1", "contracts": 500}]


@pytest.mark.parametrize("act", [Act.CREATED, Act.RESET])
def test_a_group_that_takes_orders_is_used_as_it_is(ledger: Ledger, account: Account, act: Act) -> None:
    acted(ledger, act)
    account.groups["group-1"] = True
    assert ensure(ledger, account) == Group("group-1", ready=True)
    assert account.asked == [("order_group_ids",), ("order_group", "group-1")]
    assert len(ledger.group_acts) == 1


def test_another_limit_makes_another_group(ledger: Ledger, account: Account) -> None:
    acted(ledger, Act.CREATED, limit=1000)
    account.groups["group-1"] = True
    assert ensure(ledger, account) == Group("group-2", ready=True)
    assert account.asked == [("create_order_group", 500)]
    assert stored(ledger)[1:] == [("created", "group-2", 500, "no group with this limit was there", NOW)]


def test_a_group_that_the_exchange_lost_is_made_again(ledger: Ledger, account: Account) -> None:
    acted(ledger, Act.CREATED, group_id="gone")
    assert ensure(ledger, account) == Group("group-1", ready=True)
    assert account.asked == [("order_group_ids",), ("create_order_group", 500)]


def test_a_group_that_the_exchange_triggered_is_recorded_as_triggered(ledger: Ledger, account: Account) -> None:
    acted(ledger, Act.CREATED)
    account.groups["group-1"] = False
    assert ensure(ledger, account) == Group("group-1", ready=True)
    assert stored(ledger)[1:] == [("triggered", "group-1", 500, "the exchange says that it takes no orders", NOW)]


@pytest.mark.parametrize(
    "acknowledged",
    [{}, {BREAKER: EARLIER - timedelta(seconds=1)}, {"operator": NOW}],
    ids=["never", "before the trigger", "another hold"],
)
def test_a_triggered_group_remains_closed_until_the_operator_acknowledges_it(
    ledger: Ledger, account: Account, acknowledged: dict[str, datetime]
) -> None:
    acted(ledger, Act.TRIGGERED, limit=1000)
    ledger.acknowledged = acknowledged
    assert ensure(ledger, account) == Group("group-1", ready=True)
    assert account.asked == [], "nothing is asked, made or reset"
    assert len(ledger.group_acts) == 1


@pytest.mark.parametrize("after", [timedelta(0), timedelta(minutes=1)])
def test_an_acknowledged_group_is_reset(ledger: Ledger, account: Account, after: timedelta) -> None:
    acted(ledger, Act.TRIGGERED)
    account.groups["group-1"] = False
    ledger.acknowledged = {BREAKER: EARLIER + after}
    assert ensure(ledger, account) == Group("group-1", ready=True)
    assert account.asked == [("order_group_ids",), ("reset_order_group", "group-1")]
    assert stored(ledger)[1:] == [("reset", "group-1", 500, "an operator resumed", NOW)]


@pytest.mark.parametrize(
    ("call", "error"),
    [("order_group_ids", VenueReadError("HTTP 500")), ("order_group", OrderGroupError("HTTP 500"))],
)
def test_without_an_answer_there_is_no_group_to_send_with(
    ledger: Ledger, account: Account, call: str, error: Exception
) -> None:
    acted(ledger, Act.CREATED)
    account.groups["group-1"] = True
    account.refuses[call] = error
    with capture_logs() as logs:
        assert ensure(ledger, account) == Group(None, ready=False)
    assert logs == [{"event": "no order group", "log_level": "error", "problem": "HTTP 500"}]


def trigger(ledger: Ledger, account: Account) -> bool:
    return order_group.trigger(ledger.engine, account, DEMO, NOW, "a test")


@pytest.mark.parametrize("act", [None, Act.TRIGGERED])
def test_only_an_active_group_is_triggered(ledger: Ledger, account: Account, act: Act | None) -> None:
    if act is not None:
        acted(ledger, act)
    before = len(ledger.group_acts)
    assert trigger(ledger, account) is False
    assert (account.asked, ledger.holds, len(ledger.group_acts)) == ([], [], before)


@pytest.mark.parametrize("act", [Act.CREATED, Act.RESET])
def test_a_trigger_is_stored_and_halts_before_it_is_sent(ledger: Ledger, account: Account, act: Act) -> None:
    acted(ledger, act)
    account.refuses["trigger_order_group"] = OrderGroupError("HTTP 500")
    with pytest.raises(OrderGroupError):
        trigger(ledger, account)
    assert account.asked == [("trigger_order_group", "group-1")]
    assert stored(ledger)[1:] == [("triggered", "group-1", 500, "a test", NOW)]
    reason = "the order group group-1 was triggered: a test"
    assert ledger.holds == [{"source": BREAKER, "effect": Effect.HALTED, "reason": reason, "since": NOW}]
    assert ledger.published == [NOW]


def test_an_accepted_trigger_is_reported(ledger: Ledger, account: Account) -> None:
    acted(ledger, Act.CREATED)
    assert trigger(ledger, account) is True
