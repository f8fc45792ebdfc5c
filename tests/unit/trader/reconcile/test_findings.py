"""A finding binds until it is closed: by evidence where evidence can, else by the operator alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session
from structlog.testing import capture_logs
from tests.unit.trader.ledger import DEMO, Ledger

from milkbot.db import holds, state
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import Effect, Hold, StateRecord, TradingState
from milkbot.trader.reconcile import findings
from milkbot.trader.reconcile.findings import FindingKind, Found

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
TICKER, EVENT = "KXHIGHNY-26AUG03-B86.5", "KXHIGHNY-26AUG03"
POSITION = Found(
    FindingKind.POSITION_MISMATCH, TICKER, "a message", ours={"count": "5"}, theirs={"count": None}, ticker=TICKER
)
CASH = Found(FindingKind.CASH_MISMATCH, "cash", "cash is missing")
HOLD = Hold(1, "operator", Effect.REDUCING, "why", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
LOST = Found(FindingKind.LOST_ORDER, "venue-1", "an order was lost", ticker="KXFED-26SEP-T4.00")


def store(
    ledger: Ledger, *found: Found, looked_for: Collection[FindingKind] = frozenset(FindingKind), at: datetime = NOW
) -> None:
    with ledger.session() as session:
        findings.store(session, DEMO, 5, found, looked_for, at)


def test_a_finding_is_stored_with_both_sides(ledger: Ledger) -> None:
    store(ledger, POSITION)
    (row,) = ledger.findings
    assert (row.trading_mode, row.kind, row.subject, row.message) == (DEMO, "position_mismatch", TICKER, "a message")
    assert (row.effect, row.event_ticker, row.tick_id) == (TradingState.REDUCING, EVENT, 5)
    assert (row.ours, row.theirs) == ({"count": "5"}, {"count": None})
    assert (row.opened_at, row.seen_at) == (NOW, NOW)


@pytest.mark.parametrize("found", [CASH, LOST])
def test_a_finding_of_another_series_blocks_no_event(ledger: Ledger, found: Found) -> None:
    store(ledger, found)
    assert ledger.findings[0].event_ticker is None
    assert ledger.risk_events[0]["city_code"] is None


def test_a_new_finding_is_a_risk_event_and_in_the_log(ledger: Ledger) -> None:
    with capture_logs() as logs:
        store(ledger, POSITION)
    assert ledger.risk_events == [
        {
            "tick_id": 5,
            "event_type": FindingKind.POSITION_MISMATCH,
            "severity": "warning",
            "message": "a message",
            "city_code": "NYC",
            "ticker": TICKER,
            "payload": {"ours": {"count": "5"}, "theirs": {"count": None}},
            "event_time": NOW,
        }
    ]
    assert logs == [
        {
            "event": "finding",
            "log_level": "error",
            "kind": "position_mismatch",
            "subject": TICKER,
            "effect": "reducing",
            "found": "a message",
        }
    ]
    assert ledger.holds == [], "what only reduces sets no hold"


def test_a_finding_that_is_found_again_is_reported_once(ledger: Ledger) -> None:
    store(ledger, POSITION)
    store(ledger, POSITION, at=NOW + timedelta(minutes=5))
    (row,) = ledger.findings
    assert (row.closed_at, row.seen_at) == (None, NOW + timedelta(minutes=5))
    assert len(ledger.risk_events) == 1


@pytest.mark.parametrize(
    ("found", "severity"),
    [(LOST, "critical"), (Found(FindingKind.ORDER_OVERDUE, "mb-1", "overdue"), "critical"), (CASH, "warning")],
)
def test_a_finding_that_halts_or_is_overdue_is_critical(ledger: Ledger, found: Found, severity: str) -> None:
    store(ledger, found)
    assert ledger.risk_events[0]["severity"] == severity


def test_a_finding_that_halts_sets_a_hold_that_the_operator_ends(ledger: Ledger) -> None:
    store(ledger, LOST)
    reason = "lost_order: an order was lost"
    assert ledger.holds == [
        {"source": "reconciliation", "effect": Effect.HALTED, "reason": reason, "since": NOW, "tick_id": 5}
    ]
    assert ledger.published == [NOW]


def test_an_effect_of_its_own_goes_before_that_of_the_kind(ledger: Ledger) -> None:
    store(ledger, Found(FindingKind.INVARIANT, "name", "broken", effect=TradingState.REDUCING))
    assert ledger.findings[0].effect == TradingState.REDUCING
    assert ledger.holds == []


def test_a_finding_that_is_no_longer_found_is_closed_by_evidence(ledger: Ledger) -> None:
    store(ledger, POSITION, CASH)
    later = NOW + timedelta(minutes=5)
    store(ledger, CASH, at=later)
    position, cash = ledger.findings
    assert (position.closed_at, position.closed_by, position.note) == (later, "evidence", "found no more")
    assert cash.closed_at is None


def test_another_subject_or_another_kind_does_not_keep_a_finding_open(ledger: Ledger) -> None:
    store(ledger, Found(FindingKind.ORDER_STATE, "mb-1", "m"), Found(FindingKind.ORDER_OVERDUE, "mb-2", "m"))
    store(ledger, Found(FindingKind.ORDER_STATE, "mb-2", "m"))
    assert [row.closed_at is None for row in ledger.findings] == [False, False, True]


def test_a_finding_that_was_not_checked_is_not_closed(ledger: Ledger) -> None:
    store(ledger, POSITION)
    store(ledger, looked_for=())
    store(ledger, looked_for=frozenset(FindingKind) - {FindingKind.POSITION_MISMATCH})
    assert ledger.findings[0].closed_at is None


@pytest.mark.parametrize("kind", [FindingKind.MANUAL_ORDER, FindingKind.FEE_MISMATCH])
def test_only_the_operator_closes_what_only_the_operator_knows(ledger: Ledger, kind: FindingKind) -> None:
    store(ledger, Found(kind, "venue-1", "m"), POSITION)
    store(ledger)
    assert [row.closed_at is None for row in ledger.findings] == [True, False]


def allowed(ledger: Ledger) -> tuple[TradingState, str | None]:
    with ledger.session() as session:
        return findings.allowed_by_findings(session, DEMO)


def test_without_a_finding_all_is_allowed(ledger: Ledger) -> None:
    assert allowed(ledger) == (TradingState.ACTIVE, None)


@pytest.mark.parametrize(
    ("found", "state", "why"),
    [
        ([POSITION, CASH], TradingState.REDUCING, "finding 1: a message"),
        ([POSITION, LOST], TradingState.HALTED, "finding 2: an order was lost"),
        ([LOST, POSITION], TradingState.HALTED, "finding 1: an order was lost"),
    ],
)
def test_the_first_of_the_strongest_findings_binds(
    ledger: Ledger, found: list[Found], state: TradingState, why: str
) -> None:
    store(ledger, *found)
    assert allowed(ledger) == (state, why)


@pytest.mark.parametrize("one", TradingState)
@pytest.mark.parametrize("other", TradingState)
def test_the_stricter_of_two_states_leaves_less(one: TradingState, other: TradingState) -> None:
    order = [TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED]
    assert findings.stricter(one, other) is order[max(order.index(one), order.index(other))]


def written(until: datetime) -> StateRecord:
    return StateRecord(TradingState.HALTED, "a restore", NOW - timedelta(hours=1), until, None)


@pytest.mark.parametrize(
    ("held", "found", "record", "left"),
    [
        ((), [], None, TradingState.ACTIVE),
        ((HOLD,), [], None, TradingState.REDUCING),
        ((HOLD,), [LOST], None, TradingState.HALTED),
        ((), [POSITION], None, TradingState.REDUCING),
        ((HOLD,), [POSITION], written(NOW + timedelta(hours=1)), TradingState.HALTED),
        ((), [], written(NOW), TradingState.ACTIVE),
    ],
    ids=["nothing", "hold", "hold and finding", "finding", "written", "written until now"],
)
def test_the_strictest_of_holds_findings_and_the_written_state_is_allowed_now(
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    held: tuple[Hold, ...],
    found: list[Found],
    record: StateRecord | None,
    left: TradingState,
) -> None:
    def in_force(session: Session, mode: TradingMode, now: datetime) -> tuple[Hold, ...]:
        assert (session.in_transaction(), mode, now) == (True, DEMO, NOW)
        return held

    def current(session: Session, mode: TradingMode) -> StateRecord | None:
        assert (session.in_transaction(), mode) == (True, DEMO)
        return record

    store(ledger, *found)
    monkeypatch.setattr(holds, "holds", in_force)
    monkeypatch.setattr(state, "current_state", current)
    with ledger.session() as session:
        assert findings.allowed_now(session, DEMO, NOW) is left


def test_the_events_of_open_findings_are_blocked(ledger: Ledger) -> None:
    store(ledger, POSITION, CASH)
    with ledger.session() as session:
        assert findings.blocked_events(session, DEMO) == {EVENT}
    store(ledger)
    with ledger.session() as session:
        assert findings.blocked_events(session, DEMO) == frozenset()
