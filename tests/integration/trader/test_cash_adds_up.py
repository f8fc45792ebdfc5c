"""Cash that comes or goes and that no fill, fee or settlement explains: found, shown with both sides, and binding."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.integration.trader import faults
from tests.integration.trader.stage import Stage


def cash_findings(stage: Stage) -> list[dict[str, object]]:
    return stage.rows(
        "SELECT message, ours, theirs, closed_by FROM ops.findings WHERE kind = 'cash_mismatch' ORDER BY id"
    )


def capital(stage: Stage) -> Decimal:
    value = stage.value("SELECT capital FROM ops.cash_books WHERE trading_mode = 'demo'")
    assert isinstance(value, Decimal)
    return value


def test_all_cash_moved_by_trading_and_settlement_is_accounted_for(stage: Stage) -> None:
    stage.tick()
    assert capital(stage) == Decimal(1000)
    for _ in range(3):
        stage.later(hours=16)
        stage.tick()
    assert stage.value("SELECT count(*) FROM ops.settlements") > 0, "the days that pass must settle something"
    assert cash_findings(stage) == []
    moved = stage.value("SELECT traded + settled FROM ops.cash_books WHERE trading_mode = 'demo'")
    assert capital(stage) + moved == stage.exchange.account.cash


@pytest.mark.parametrize(("dollars", "side"), [("50", "50.0000 dollars more"), ("-20", "20.0000 dollars less")])
def test_manual_deposit_or_withdrawal_is_found_and_reduces_trading(stage: Stage, dollars: str, side: str) -> None:
    stage.tick()
    stage.exchange.account.cash += Decimal(dollars)
    stage.later(minutes=5)
    stage.wire.requests.clear()
    report = stage.tick()
    (finding,) = cash_findings(stage)
    assert side in str(finding["message"])
    assert stage.wire.creates == []
    assert str(report.message).startswith("trading is reducing: finding ")
    stage.exchange.account.cash -= Decimal(dollars)
    stage.later(minutes=5)
    stage.tick()
    assert [row["closed_by"] for row in cash_findings(stage)] == ["evidence"], "cash that is back needs no operator"


def test_cash_of_an_order_of_unknown_outcome_is_no_finding(stage: Stage) -> None:
    """It was filled, and neither its order nor its fill is in the lists yet."""
    stage.tick()
    stage.wire.faults = [faults.reply_lost]
    stage.later(minutes=30)
    stage.tick()
    stage.later(seconds=5)
    stage.tick()
    assert cash_findings(stage) == []


def test_the_first_comparison_of_cash_sets_the_capital(stage: Stage) -> None:
    """An upgraded database has no capital yet: the first tick takes what is there."""
    stage.tick()
    stage.act("UPDATE ops.cash_books SET capital = NULL")
    stage.later(minutes=5)
    stage.tick()
    assert cash_findings(stage) == []
    assert capital(stage) == Decimal(1000)
