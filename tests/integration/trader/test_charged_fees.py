"""A fee above the one that was computed makes losses of edges: it is found, shown with both sides, and binds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.trader.stage import Stage

from milkbot.db import findings
from milkbot.db.session import transaction
from milkbot.simulator.engine import ledger


def charge(monkeypatch: pytest.MonkeyPatch, times: str) -> None:
    """From now on the exchange takes so many times what it says that it takes."""
    monkeypatch.setattr(ledger, "FEES", replace(ledger.FEES, multiplier=Decimal(times)))


def fee_findings(stage: Stage) -> list[dict[str, Any]]:
    return stage.rows("SELECT * FROM ops.findings WHERE kind = 'fee_mismatch' ORDER BY id")


def test_a_charge_above_the_series_fees_is_found_and_reduces_trading(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge(monkeypatch, "1.2")
    assert stage.tick().counts.fills
    stage.later(minutes=5)
    stage.wire.requests.clear()
    report = stage.tick()
    found = fee_findings(stage)
    charged = stage.rows("SELECT venue_order_id, sum(fee) AS fees FROM ops.fills GROUP BY 1 HAVING sum(fee) > 0")
    assert {(row["subject"], row["theirs"]["fees"]) for row in found} == {
        (row["venue_order_id"], str(row["fees"])) for row in charged
    }
    for row in found:
        assert row["ours"]["schedule"] == "quadratic x 1"
        assert Decimal(row["theirs"]["fees"]) > Decimal(row["ours"]["fees"])
        assert row["event_ticker"]
    assert str(report.message).startswith("trading is reducing: finding ")
    assert stage.wire.creates == []


def test_a_finding_that_the_operator_closed_remains_closed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    charge(monkeypatch, "1.2")
    stage.tick()
    stage.later(minutes=5)
    stage.tick()
    with transaction(stage.owner) as session:
        ids = [row["id"] for row in fee_findings(stage)]
        findings.close_findings(session, ids, by="ann", note="a notice said so", at=stage.exchange.now())
    stage.later(minutes=5)
    stage.tick()
    assert [row["closed_by"] for row in fee_findings(stage)] == ["ann"] * len(ids)


def test_a_finding_remains_open_after_its_day(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    charge(monkeypatch, "1.2")
    stage.tick()
    stage.later(minutes=5)
    stage.tick()
    stage.later(hours=30)
    stage.tick()
    assert {row["closed_by"] for row in fee_findings(stage)} == {None}


@pytest.mark.parametrize("times", ["1", "0.5", "0"])
def test_a_correct_or_waived_fee_is_no_finding(stage: Stage, monkeypatch: pytest.MonkeyPatch, times: str) -> None:
    charge(monkeypatch, times)
    assert stage.tick().counts.fills
    for _ in range(3):
        stage.later(hours=8)
        stage.tick()
    assert fee_findings(stage) == []
