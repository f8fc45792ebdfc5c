"""An order that is sent before it is written, sent twice, or thought rejected without proof, costs money unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from structlog.testing import capture_logs
from tests.fakes import FakeClock
from tests.unit.trader.ledger import DEMO, Account, Ledger

from milkbot import failpoints
from milkbot.db.orders import IntentContext
from milkbot.db.state import Writer
from milkbot.domain.clock import Deadline
from milkbot.domain.orders import BookSide, OrderEvent, OrderIntent, OrderState, TimeInForce
from milkbot.domain.units import Count, Price
from milkbot.errors import DatabaseUnavailableError
from milkbot.http import UNACKNOWLEDGED_SECONDS, WRITE_SECONDS
from milkbot.trader.orders.manager import SEND_WITHIN, Cancel, OrderManager, state_of_answer
from milkbot.trader.reconcile.evidence import ABSENCE_PROOF
from milkbot.venue.errors import (
    CancelFailedError,
    OrderNotSentError,
    OrderOutcomeUnknownError,
    OrderRejectedError,
    OrderTooLateError,
)
from milkbot.venue.transport import MAX_SKEW_SECONDS
from milkbot.venue.values import PlacedOrder

SENT = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
NOW = SENT + timedelta(seconds=2)
TICKER = "KXHIGHNY-26AUG03-B86.5"
TEN, NONE = Count(Decimal(10)), Count(Decimal(0))
INTENT = OrderIntent(
    client_order_id="mb-1",
    ticker=TICKER,
    side=BookSide.BID,
    count=TEN,
    price=Price(Decimal("0.40")),
    time_in_force=TimeInForce.GOOD_TILL_CANCELED,
    exchange_index=3,
    created_at=SENT,
    post_only=True,
    expires_at=SENT + timedelta(minutes=15),
    order_group_id="group-1",
)
CONTEXT = IntentContext(7, "KXHIGHNY-26AUG03", "NYC", date(2026, 8, 3), "normal-by-lead", 2)
RESTING = PlacedOrder("venue-1", "mb-1", NONE, TEN, SENT)
CANCEL = Cancel("mb-1", "venue-1", 3, TICKER, "quote_stale")
UNKNOWN = OrderOutcomeUnknownError("the answer was lost")


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], list[str]]:
    """The points at which a test may stop the process, as they were reached; those of the database left out."""
    record = tmp_path / "points"
    monkeypatch.setenv(failpoints.RECORD, str(record))

    def reached() -> list[str]:
        names = [line.partition("#")[0] for line in record.read_text(encoding="utf-8").splitlines()]
        return [name for name in names if not name.startswith("database.")]

    return reached


@pytest.fixture
def orders(ledger: Ledger, account: Account) -> OrderManager:
    """A sender of orders two seconds after the decision."""
    account.placed = RESTING
    return OrderManager(ledger.writer(), account, FakeClock(NOW), DEMO)


def test_the_complete_intent_is_committed_before_the_order_is_sent_once(
    ledger: Ledger, account: Account, orders: OrderManager
) -> None:
    """The stand-in refuses every call to the exchange while a transaction is open."""
    account.refuses["create_order"] = RuntimeError("the process dies here")
    with pytest.raises(RuntimeError):
        orders.place(INTENT, CONTEXT)
    assert account.asked == [("create_order", INTENT)]
    (row,) = ledger.orders
    assert (row.client_order_id, row.ticker, row.side, row.count) == ("mb-1", TICKER, "bid", TEN)
    assert (row.price, row.exchange_index, row.order_group_id) == (INTENT.price, 3, "group-1")
    assert (row.signal_id, row.event_ticker, row.city_code) == (7, "KXHIGHNY-26AUG03", "NYC")
    assert (row.climate_day, row.strategy_name, row.attempt) == (date(2026, 8, 3), "normal-by-lead", 2)
    assert (row.state, row.state_event) == ("pending", "committed")
    assert row.sent_at == NOW, "its absence is proved from the commit on, not from the decision"


class CommitTakes(FakeClock):
    """A clock that stands still but for the commit: that takes so many seconds."""

    def __init__(self, seconds: float, writer: Writer) -> None:
        super().__init__(NOW)
        self._seconds, self._writer = seconds, writer

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._writer.transaction() as session:
            yield session
        self.sleep(self._seconds)


def test_an_order_is_sent_within_twenty_seconds_of_the_begin_of_its_commit(
    ledger: Ledger, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.placed, writer = RESTING, ledger.writer()
    clock = CommitTakes(15, ledger.writer())
    monkeypatch.setattr(writer, "transaction", clock.transaction)
    OrderManager(writer, account, clock, DEMO).place(INTENT, CONTEXT)
    assert account.deadline == Deadline(clock, NOW.timestamp() + 20)


def test_the_last_byte_of_an_order_has_left_before_its_absence_can_be_proved() -> None:
    leaves = SEND_WITHIN + WRITE_SECONDS + UNACKNOWLEDGED_SECONDS + MAX_SKEW_SECONDS
    assert leaves == 45
    assert timedelta(seconds=leaves) < ABSENCE_PROOF


def test_an_order_that_is_too_late_is_rejected_as_never_sent_and_counted(
    ledger: Ledger, account: Account, orders: OrderManager
) -> None:
    account.refuses["create_order"] = OrderTooLateError("kept back")
    assert orders.place(INTENT, CONTEXT) is OrderState.REJECTED
    (row,) = ledger.orders
    assert (row.state, row.state_event, row.state_reason) == ("rejected", "refused", "too_late")
    assert orders.too_late == 1
    orders.place(INTENT, CONTEXT)
    assert orders.too_late == 2


def test_an_order_that_is_refused_or_sent_is_not_counted_as_too_late(account: Account, orders: OrderManager) -> None:
    orders.place(INTENT, CONTEXT)
    account.refuses["create_order"] = OrderNotSentError("connection refused")
    orders.place(INTENT, CONTEXT)
    assert orders.too_late == 0


def test_nothing_is_sent_once_the_lock_is_lost(ledger: Ledger, account: Account) -> None:
    orders = OrderManager(ledger.lost_writer(), account, FakeClock(NOW), DEMO)
    with pytest.raises(DatabaseUnavailableError, match="the lock was lost"):
        orders.place(INTENT, CONTEXT)
    with pytest.raises(DatabaseUnavailableError, match="the lock was lost"):
        orders.cancel(CANCEL, tick_id=5)
    assert account.asked == []


def test_an_order_whose_answer_is_lost_is_unknown_and_not_rejected(
    ledger: Ledger, account: Account, orders: OrderManager
) -> None:
    account.refuses["create_order"] = UNKNOWN
    assert orders.place(INTENT, CONTEXT) is OrderState.UNKNOWN
    (row,) = ledger.orders
    assert (row.state, row.state_event, row.state_reason) == ("unknown", "answer_lost", "the answer was lost")
    assert (row.venue_order_id, row.updated_at) == (None, NOW)
    assert account.asked == [("create_order", INTENT)], "it is never sent again"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OrderRejectedError("insufficient_balance", "no money", 400), "insufficient_balance"),
        (
            OrderRejectedError("invalid_order", "invalid order", 400, "post only cross"),
            "invalid_order: post only cross",
        ),
        (OrderNotSentError("connection refused"), "not_sent"),
    ],
)
def test_an_order_that_the_exchange_refused_by_proof_is_rejected(
    ledger: Ledger, account: Account, orders: OrderManager, error: OrderRejectedError, reason: str
) -> None:
    account.refuses["create_order"] = error
    assert orders.place(INTENT, CONTEXT) is OrderState.REJECTED
    (row,) = ledger.orders
    assert (row.state, row.state_event, row.state_reason) == ("rejected", "refused", reason)
    assert row.venue_order_id is None


def test_an_accepted_order_is_recorded_with_the_id_of_the_exchange(ledger: Ledger, orders: OrderManager) -> None:
    assert orders.place(INTENT, CONTEXT) is OrderState.RESTING
    (row,) = ledger.orders
    assert (row.state, row.state_event, row.state_reason) == ("resting", "rested", None)
    assert (row.venue_order_id, row.updated_at) == ("venue-1", NOW)


def test_each_step_of_an_order_is_a_failpoint(orders: OrderManager, points: Callable[[], list[str]]) -> None:
    orders.place(INTENT, CONTEXT)
    assert points() == ["intent.committed", "create.answered", "outcome.committed"]


def test_the_log_names_the_order_and_its_outcome(account: Account, orders: OrderManager) -> None:
    account.refuses["create_order"] = UNKNOWN
    with capture_logs() as logs:
        orders.place(INTENT, CONTEXT)
    assert logs == [
        {
            "event": "order sent",
            "log_level": "info",
            "client_order_id": "mb-1",
            "ticker": TICKER,
            "state": OrderState.UNKNOWN,
            "reason": "the answer was lost",
        }
    ]


@pytest.mark.parametrize("state", [OrderState.RESTING, OrderState.PARTIALLY_FILLED])
def test_an_order_is_canceled_once_the_exchange_confirms_it(
    ledger: Ledger, account: Account, orders: OrderManager, state: OrderState
) -> None:
    row = ledger.add_order(state, client_order_id="mb-1", venue_order_id="venue-1")
    other = ledger.add_order(state, client_order_id="mb-2", venue_order_id="venue-2")
    account.reduced_by = Count(Decimal("0.01"))
    assert orders.cancel(CANCEL, tick_id=5) is True
    assert account.asked == [("cancel_order", "venue-1", 3)]
    assert (row.state, row.state_event) == (OrderState.CANCELED, OrderEvent.CANCELED)
    assert (row.state_reason, row.updated_at) == ("quote_stale", NOW)
    assert other.state == state


def test_an_order_that_had_ended_at_the_exchange_is_resolved_by_the_next_listing(
    ledger: Ledger, account: Account, orders: OrderManager
) -> None:
    row = ledger.add_order(OrderState.RESTING, client_order_id="mb-1", venue_order_id="venue-1")
    account.reduced_by = NONE
    assert orders.cancel(CANCEL, tick_id=5) is True
    assert row.state == OrderState.RESTING, "it may have been filled"


def test_an_order_that_is_over_in_the_ledger_is_not_canceled_again(
    ledger: Ledger, account: Account, orders: OrderManager
) -> None:
    row = ledger.add_order(OrderState.FILLED, client_order_id="mb-1", venue_order_id="venue-1")
    account.reduced_by = TEN
    assert orders.cancel(CANCEL, tick_id=5) is True
    assert row.state == OrderState.FILLED


def test_a_cancel_that_failed_changes_nothing_and_is_not_counted(
    ledger: Ledger, account: Account, orders: OrderManager
) -> None:
    row = ledger.add_order(OrderState.RESTING, client_order_id="mb-1", venue_order_id="venue-1")
    account.reduced_by, account.refuses["cancel_order"] = TEN, CancelFailedError("HTTP 500")
    with capture_logs() as logs:
        assert orders.cancel(CANCEL, tick_id=5) is False
    assert row.state == OrderState.RESTING
    assert logs == [{"event": "cancel failed", "log_level": "warning", "order_id": "venue-1", "problem": "HTTP 500"}]


@pytest.mark.parametrize(("ticker", "city"), [(TICKER, "NYC"), ("KXFED-26SEP-T4.00", None)])
def test_the_reason_of_a_cancel_is_stored_before_the_cancel_is_sent(
    ledger: Ledger, account: Account, orders: OrderManager, ticker: str, city: str | None
) -> None:
    account.refuses["cancel_order"] = CancelFailedError("HTTP 500")
    orders.cancel(Cancel("mb-1", "venue-1", 3, ticker, "quote_stale"), tick_id=5)
    assert ledger.risk_events == [
        {
            "tick_id": 5,
            "event_type": "order_canceled",
            "severity": "info",
            "message": "order mb-1 is taken away: quote_stale",
            "city_code": city,
            "ticker": ticker,
            "event_time": NOW,
        }
    ]


def test_each_step_of_a_cancel_is_a_failpoint(orders: OrderManager, points: Callable[[], list[str]]) -> None:
    orders.cancel(CANCEL, tick_id=5)
    assert points() == ["cancel.committed", "cancel.answered", "cancel.recorded"]


def test_a_fill_of_more_than_was_ordered_counts_as_a_complete_fill() -> None:
    assert state_of_answer(INTENT, PlacedOrder("v", "mb-1", Count(Decimal(11)), NONE, SENT)) is OrderState.FILLED
