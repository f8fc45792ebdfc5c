"""Fees and rules that nobody has read are not traded; what was accepted is traded again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session
from tests.integration.trader.stage import Stage

from milkbot.db import terms
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.modes import TradingMode
from milkbot.venue.client import KalshiClient

DENIED = "SELECT event_type, ticker FROM ops.risk_events WHERE tick_id = :tick AND event_type LIKE 'denied%'"
BOUGHT = """
    SELECT orders.ticker FROM ops.orders JOIN ops.signals ON signals.id = signal_id
    WHERE tick_id = :tick AND orders.ticker LIKE :series AND NOT reduce_only
"""
"""Orders of a tick but for sales, whatever they cost: those only reduce."""
NEW_YORK = "KXHIGHNY"


def denied(stage: Stage, tick_id: int) -> dict[str, set[str]]:
    """The codes of a tick's denials, by series."""
    found: dict[str, set[str]] = {}
    for row in stage.rows(DENIED, tick=tick_id):
        found.setdefault(row["ticker"].partition("-")[0], set()).add(row["event_type"].removeprefix("denied_"))
    return found


def new_fees(monkeypatch: pytest.MonkeyPatch, fees: FeeSchedule) -> None:
    """From now on New York charges something else."""
    real = KalshiClient.fee_schedule
    monkeypatch.setattr(
        KalshiClient, "fee_schedule", lambda self, series: fees if series == NEW_YORK else real(self, series)
    )


def test_changed_fees_stop_their_series_and_are_reported_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.tick()
    new_fees(monkeypatch, FeeSchedule(FeeType.QUADRATIC, Decimal("1.1")))
    stage.later(days=1)
    second = stage.tick()
    assert "fees_changed" in denied(stage, second.tick_id)[NEW_YORK]
    assert stage.rows(BOUGHT, tick=second.tick_id, series=f"{NEW_YORK}-%") == []
    assert "fees_changed" not in denied(stage, second.tick_id).get("KXHIGHCHI", set())
    stage.later(minutes=5)
    stage.tick()
    told = stage.rows("SELECT severity, message FROM ops.risk_events WHERE event_type = 'terms_changed'")
    assert [row["severity"] for row in told] == ["critical"]
    assert told[0]["message"].startswith("KXHIGHNY: its fees changed")


def test_a_series_with_accepted_fees_is_traded_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.tick()
    new_fees(monkeypatch, FeeSchedule(FeeType.QUADRATIC, Decimal("1.1")))
    stage.later(days=1)
    stage.tick()
    with Session(stage.owner) as session, session.begin():
        pending = terms.pending(session, TradingMode.DEMO)
        terms.accept(session, pending, by="ann", at=stage.exchange.now(), note="read")
    stage.later(minutes=5)
    third = stage.tick()
    assert "fees_changed" not in denied(stage, third.tick_id).get(NEW_YORK, set())


def test_unknown_fees_stop_their_series_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    new_fees(monkeypatch, FeeSchedule(FeeType("flat"), Decimal(1)))
    report = stage.tick()
    assert denied(stage, report.tick_id)[NEW_YORK] >= {"fees_unknown"}
    assert any(b"KXHIGHCHI" in request.content for request in stage.wire.creates)
    assert not any(b"KXHIGHNY" in request.content for request in stage.wire.creates)


def test_unchanged_terms_are_stored_once(stage: Stage) -> None:
    stage.tick()
    before = stage.value("SELECT count(*) FROM ops.series_terms")
    stage.later(days=1)
    report = stage.tick()
    assert stage.value("SELECT count(*) FROM ops.series_terms") == before
    assert not {"rules_changed", "fees_changed"} & {
        code for codes in denied(stage, report.tick_id).values() for code in codes
    }
