"""A rule of orders that the documentation does not name, or names wrongly, is one that nobody knows of."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.trader import tables

from milkbot.domain.order_states import OrderEvent
from milkbot.settings import Settings
from milkbot.trader.decide.requote import Withdrawal
from milkbot.trader.reconcile.findings import EFFECTS, FindingKind

DOCUMENT = Path(__file__).parents[3] / "docs" / "orders.md"
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
TABLES = {
    "transitions": tables.transitions_table(),
    "refusals": tables.refusals_table(),
    "findings": tables.findings_table(),
    "withdrawals": tables.withdrawals_table(DEFAULTS),
    "invariants": tables.invariants_table(),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_documentation_shows_the_rules_of_the_code(name: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition(f"<!-- {name} -->\n")[2].partition(f"\n<!-- end of {name} -->")[0]
    assert shown == TABLES[name], f"put this into docs/orders.md:\n{TABLES[name]}"


def test_every_event_finding_and_reason_is_explained() -> None:
    assert list(tables.EVENTS) == list(OrderEvent)
    assert list(tables.FINDINGS) == list(EFFECTS) == list(FindingKind)
    assert set(tables.WITHDRAWALS) == set(Withdrawal)
