"""One pass over the account, a longer one where it does not add up, and what is left unexplained binds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes import FakeClock
from tests.unit.trader.ledger import DEMO, Account, Ledger

from milkbot import failpoints
from milkbot.db.ops import Order
from milkbot.domain.orders import BookSide, OrderState
from milkbot.domain.positions import Fill
from milkbot.domain.units import Cash, Count, Price
from milkbot.domain.unread import ObjectKind, Unread, UnreadObject
from milkbot.trader.reconcile.findings import FindingKind
from milkbot.trader.reconcile.reconciler import Reconciled, Reconciler
from milkbot.venue.errors import VenueReadError
from milkbot.venue.values import Balance, VenueOrder, VenueOrderStatus, VenuePosition, VenueSettlement

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
TICKER, EVENT = "KXHIGHNY-26AUG03-B86.5", "KXHIGHNY-26AUG03"
TEN, NONE, PRICE = Count(Decimal(10)), Count(Decimal(0)), Price(Decimal("0.40"))
NOTHING = Cash(Decimal(0))
LISTED = VenueOrder("venue-1", "mb-1", TICKER, BookSide.BID, VenueOrderStatus.RESTING, PRICE, TEN, NONE, TEN, NOW)
FILL = Fill("fill-1", "venue-1", TICKER, BookSide.BID, TEN, PRICE, NOTHING, True, NOW)
HELD = VenuePosition(TICKER, TEN, NOTHING, NOTHING, NOTHING)
SETTLED = VenueSettlement(TICKER, EVENT, "yes", Price(Decimal(1)), TEN, NONE, NOTHING, NOTHING, NOTHING, NOTHING, NOW)


@pytest.fixture(autouse=True)
def there(account: Account) -> None:
    """An account with 1000 dollars, whose lists are fresh."""
    account.as_of = NOW
    account.cash = Balance(Cash(Decimal(1000)), Cash(Decimal(7)), NOW)


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], list[str]]:
    """The points at which a test may stop the process, as they were reached; those of the database left out."""
    record = tmp_path / "points"
    monkeypatch.setenv(failpoints.RECORD, str(record))

    def reached() -> list[str]:
        names = [line.partition("#")[0] for line in record.read_text(encoding="utf-8").splitlines()]
        return [name for name in names if not name.startswith("database.")]

    return reached


def reconciler(ledger: Ledger, account: Account, deadline: timedelta = timedelta(minutes=10)) -> Reconciler:
    return Reconciler(ledger.engine, account, FakeClock(NOW), DEMO, deadline)


def run(ledger: Ledger, account: Account) -> Reconciled:
    return reconciler(ledger, account).run(5)


def sent(ledger: Ledger, state: OrderState, ago: timedelta, **values: Any) -> Order:
    row: dict[str, Any] = {
        "client_order_id": "mb-1",
        "ticker": TICKER,
        "event_ticker": EVENT,
        "created_at": NOW - ago,
        "updated_at": NOW - ago,
        "side": "bid",
        "price": Decimal("0.40"),
        "count": Decimal(10),
        **values,
    }
    return ledger.add_order(state, **row)


def kinds(ledger: Ledger) -> list[tuple[str, bool]]:
    """Each finding's kind, and whether it is open."""
    return [(row.kind, row.closed_at is None) for row in ledger.findings]


def test_an_account_that_agrees_takes_one_pass_and_keeps_its_balance(ledger: Ledger, account: Account) -> None:
    assert run(ledger, account) == Reconciled(Cash(Decimal(1000)))
    assert account.asked.count(("positions",)) == 1
    assert ledger.capital == 1000
    assert ledger.balances == [
        {
            "trading_mode": DEMO,
            "tick_id": 5,
            "captured_at": NOW,
            "cash": 1000,
            "portfolio_value": 7,
            "moved": 0,
            "held_back": 0,
        }
    ]


def test_a_pass_records_orders_fills_and_settlements(ledger: Ledger, account: Account) -> None:
    order = sent(ledger, OrderState.UNKNOWN, timedelta(minutes=1))
    account.listed = account.resting = [LISTED]
    account.filled, account.settled = [FILL], [SETTLED]
    found = run(ledger, account)
    assert found == Reconciled(Cash(Decimal(1000)), resting=(LISTED,), new_fills=1, new_settlements=1)
    assert (order.state, order.venue_order_id, order.updated_at) == ("resting", "venue-1", NOW)
    assert (ledger.fills[0].order_id, ledger.fills[0].recorded_at) == (order.id, NOW)
    assert ledger.settlements[TICKER].recorded_at == NOW


def test_a_manual_order_is_a_finding_at_once(ledger: Ledger, account: Account) -> None:
    account.resting = [replace(LISTED, client_order_id="by-hand")]
    found = run(ledger, account)
    assert kinds(ledger) == [("manual_order", True)]
    assert (ledger.findings[0].tick_id, ledger.findings[0].opened_at) == (5, NOW)
    assert found.blocked_events == {EVENT}
    assert ledger.orders[0].updated_at == NOW


def test_a_lost_order_is_of_the_strategy_that_trades(ledger: Ledger, account: Account) -> None:
    account.resting = [LISTED]
    Reconciler(ledger.engine, account, FakeClock(NOW), DEMO, strategy="anchored").run(5)
    assert [order.strategy_name for order in ledger.orders] == ["anchored"]


def test_a_fill_of_an_order_that_no_list_shows_is_a_finding(ledger: Ledger, account: Account) -> None:
    account.filled, account.held = [FILL], [HELD]
    run(ledger, account)
    assert kinds(ledger) == [("unknown_fill", True)]


def test_an_order_of_unknown_outcome_blocks_its_event_and_is_noted(ledger: Ledger, account: Account) -> None:
    account.as_of = NOW - timedelta(minutes=1)
    sent(ledger, OrderState.UNKNOWN, timedelta(minutes=1))
    assert run(ledger, account).blocked_events == {EVENT}
    assert ledger.risk_events == [
        {
            "tick_id": 5,
            "event_type": "order_unresolved",
            "severity": "warning",
            "message": "order mb-1 is unknown since 2026-08-03T14:59:00+00:00 and the exchange does not list it",
            "city_code": "NYC",
            "ticker": TICKER,
            "event_time": NOW,
        }
    ]


def test_an_unresolved_order_of_another_series_is_noted_without_a_city(ledger: Ledger, account: Account) -> None:
    account.as_of = NOW - timedelta(minutes=1)
    sent(ledger, OrderState.UNKNOWN, timedelta(minutes=1), ticker="KXFED-26SEP-T4.00", event_ticker="KXFED-26SEP")
    run(ledger, account)
    assert ledger.risk_events[0]["city_code"] is None


@pytest.mark.parametrize(("deadline", "overdue"), [({}, False), ({"deadline": timedelta(minutes=9)}, True)])
def test_an_order_is_overdue_after_the_deadline_which_is_ten_minutes(
    ledger: Ledger, account: Account, deadline: dict[str, timedelta], *, overdue: bool
) -> None:
    account.as_of = NOW - timedelta(minutes=9)
    sent(ledger, OrderState.UNKNOWN, timedelta(minutes=9))
    reconciler(ledger, account, **deadline).run(5)
    assert kinds(ledger) == ([("order_overdue", True)] if overdue else [])


def test_an_order_is_not_rejected_while_the_queue_of_its_market_shows_one(ledger: Ledger, account: Account) -> None:
    order = sent(ledger, OrderState.UNKNOWN, timedelta(minutes=2))
    account.in_queue = [("venue-9", TICKER)]
    assert run(ledger, account).blocked_events == {EVENT}
    assert order.state == "unknown"
    account.in_queue = []
    assert run(ledger, account).blocked_events == frozenset()
    assert order.state == "rejected"


def test_positions_that_differ_are_read_again_from_further_back(
    ledger: Ledger, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fill that explains them came into the list two hours after it happened."""
    known = replace(FILL, fill_id="fill-0", ticker="KXHIGHCHI-26AUG03-B86.5")
    ledger.add_fill(known, order_id=9)
    ledger.add_order(OrderState.FILLED, client_order_id="mb-1", venue_order_id="venue-1")
    account.held = [HELD]
    real = account.fills

    def late(*, since: datetime | None = None, unread: Unread | None = None) -> list[Fill]:
        real(since=since, unread=unread)
        return [FILL] if since == NOW - timedelta(days=2) else []

    monkeypatch.setattr(account, "fills", late)
    found = run(ledger, account)
    assert [asked for asked in account.asked if asked[0] == "fills"] == [
        ("fills", NOW - timedelta(hours=1)),
        ("fills", NOW - timedelta(days=2)),
    ]
    assert found == Reconciled(Cash(Decimal(1000)), new_fills=1)
    assert ledger.findings == [], "what the second read explains is no finding"


def test_positions_that_still_differ_are_a_finding(ledger: Ledger, account: Account) -> None:
    account.held = [HELD]
    found = run(ledger, account)
    assert kinds(ledger) == [("position_mismatch", True)]
    assert (found.mismatches, found.blocked_events) == (1, frozenset({EVENT}))
    assert (ledger.findings[0].tick_id, ledger.balances[0]["tick_id"]) == (5, 5)


def test_what_the_second_read_notes_is_of_the_same_tick(ledger: Ledger, account: Account) -> None:
    account.as_of = NOW - timedelta(minutes=1)
    sent(ledger, OrderState.UNKNOWN, timedelta(minutes=1))
    account.held = [HELD]
    run(ledger, account)
    noted = [event["tick_id"] for event in ledger.risk_events if event["event_type"] == "order_unresolved"]
    assert noted
    assert set(noted) == {5}


def test_a_settlement_that_only_the_second_read_shows_is_counted(
    ledger: Ledger, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.held = [HELD]
    reads = iter([[], [SETTLED]])
    monkeypatch.setattr(account, "settlements", lambda **_: next(reads))
    assert run(ledger, account).new_settlements == 1


def test_cash_that_does_not_add_up_is_read_again_before_it_is_a_finding(ledger: Ledger, account: Account) -> None:
    ledger.capital = Cash(Decimal(1100))
    assert run(ledger, account).mismatches == 1
    assert account.asked.count(("positions",)) == 2
    assert kinds(ledger) == [("cash_mismatch", True)]
    assert ledger.findings[0].theirs["at"] == NOW.isoformat()


def test_cash_reserved_by_open_orders_is_stored_and_no_finding(ledger: Ledger, account: Account) -> None:
    ledger.capital, ledger.moved = Cash(Decimal(1024)), Cash(Decimal(-20))
    sent(ledger, OrderState.RESTING, timedelta(minutes=1), venue_order_id="venue-1")
    account.listed = account.resting = [LISTED]
    assert run(ledger, account).mismatches == 0
    assert (ledger.balances[0]["moved"], ledger.balances[0]["held_back"]) == (-20, Decimal("4.168"))


def test_both_passes_count(ledger: Ledger, account: Account) -> None:
    """What the first found once, the second finds no more; it is still reported as found in this tick."""
    account.held = [replace(HELD, signed_count=Count(Decimal(3)))]
    account.resting = [replace(LISTED, client_order_id="by-hand")]
    account.filled, account.settled = [FILL], [SETTLED]
    found = run(ledger, account)
    assert (found.new_fills, found.new_settlements, found.mismatches) == (1, 1, 1)
    assert kinds(ledger) == [("manual_order", True), ("position_mismatch", True)]


def test_a_finding_of_the_first_pass_remains_open_in_the_second(ledger: Ledger, account: Account) -> None:
    account.held = [HELD]
    sent(ledger, OrderState.REJECTED, timedelta(minutes=5))
    account.resting = [LISTED]
    run(ledger, account)
    assert kinds(ledger) == [("order_state", True), ("position_mismatch", True)]


def test_a_later_run_closes_findings_that_are_gone_but_no_broken_invariant(ledger: Ledger, account: Account) -> None:
    account.held = [HELD]
    run(ledger, account)
    ledger.save_finding(kind=FindingKind.INVARIANT, subject="cash-adds-up", closed_at=None)
    account.held = []
    assert run(ledger, account).mismatches == 0
    assert kinds(ledger) == [("position_mismatch", False), ("invariant", True)]


def test_evidence_of_the_first_pass_is_kept_when_the_second_fails(
    ledger: Ledger, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.held = [HELD]
    account.resting = [replace(LISTED, client_order_id="by-hand")]
    real = account.positions

    def once(*, unread: Unread | None = None) -> list[VenuePosition]:
        if ("positions",) in account.asked:
            raise VenueReadError("HTTP 500")
        return real(unread=unread)

    monkeypatch.setattr(account, "positions", once)
    with pytest.raises(VenueReadError):
        run(ledger, account)
    assert kinds(ledger) == [("manual_order", True)]
    assert ledger.balances == []


def test_each_step_is_a_failpoint(ledger: Ledger, account: Account, points: Callable[[], list[str]]) -> None:
    run(ledger, account)
    assert points() == ["account.read", "evidence.committed", "reconciled.committed"]


def test_after_orders_were_sent_only_fills_are_read(
    ledger: Ledger, account: Account, points: Callable[[], list[str]]
) -> None:
    ledger.add_fill(replace(FILL, fill_id="fill-0", filled_at=NOW - timedelta(hours=3)), order_id=9)
    account.filled = [FILL]
    assert reconciler(ledger, account).fills_only() == 1
    assert account.asked == [("fills", NOW - timedelta(hours=4))]
    assert ledger.fills[1].recorded_at == NOW
    assert points() == ["fills.committed"]


ODD_FILL = UnreadObject(ObjectKind.FILL, "fill-9", TICKER, "it has no time", "{}")


def test_a_row_that_cannot_be_read_is_kept_and_blocks_its_event_until_it_is_read(
    ledger: Ledger, account: Account
) -> None:
    account.odd = [ODD_FILL]
    found = run(ledger, account)
    assert found.unread == (ODD_FILL,)
    assert found.blocked_events == {EVENT}
    assert ledger.unread == [(5, ODD_FILL, NOW)]
    (row,) = ledger.findings
    assert (row.kind, row.subject, row.effect, row.event_ticker) == ("unread_row", "fill fill-9", "reducing", EVENT)
    assert "only reducing orders are sent until it is read" in row.message
    account.odd = []
    assert run(ledger, account).blocked_events == frozenset()
    assert kinds(ledger) == [("unread_row", False)]


def test_a_position_that_cannot_be_read_is_no_difference(ledger: Ledger, account: Account) -> None:
    account.filled = [FILL]
    account.odd = [UnreadObject(ObjectKind.POSITION, TICKER, TICKER, "it has no count", "{}")]
    found = run(ledger, account)
    assert found.mismatches == 0
    assert kinds(ledger) == [("unknown_fill", True), ("unread_row", True)]


def test_a_fill_that_cannot_be_read_hides_no_difference_of_its_position(ledger: Ledger, account: Account) -> None:
    account.held, account.odd = [HELD], [ODD_FILL]
    assert run(ledger, account).mismatches == 1


def test_a_fill_after_the_orders_that_cannot_be_read_is_left_to_the_next_tick(ledger: Ledger, account: Account) -> None:
    account.filled, account.odd = [FILL], [ODD_FILL]
    with capture_logs() as logs:
        assert reconciler(ledger, account).fills_only() == 1
    assert [(log["event"], log["kind"], log["subject"], log["reason"]) for log in logs] == [
        ("object not understood", "fill", "fill-9", "it has no time")
    ]
    assert ledger.findings == []


def test_the_capital_is_taken_from_a_whole_account_alone(ledger: Ledger, account: Account) -> None:
    account.odd = [ODD_FILL]
    run(ledger, account)
    assert ledger.capital is None
    account.odd = [replace(ODD_FILL, ticker="KXFED-26SEP-T4.00")]
    run(ledger, account)
    assert ledger.capital == 1000
