"""A limit that the documentation does not name, or names wrongly, is one that nobody knows of."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.risk.tables import breakers_table, denials_table

from milkbot.risk.breakers import RULES, Breaker
from milkbot.risk.limits import DENIALS, DenialCode
from milkbot.settings import Settings

DOCUMENT = Path(__file__).parents[3] / "docs" / "risk.md"
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("name", ["denials", "breakers"])
def test_the_documentation_shows_the_rules_of_the_code(name: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition(f"<!-- {name} -->\n")[2].partition(f"\n<!-- end of {name} -->")[0]
    table = {"denials": denials_table, "breakers": breakers_table}[name](DEFAULTS)
    assert shown == table, f"put this into docs/risk.md:\n{table}"


def test_every_code_and_breaker_has_a_rule() -> None:
    assert list(DENIALS) == list(DenialCode)
    assert list(RULES) == list(Breaker)


def test_a_row_shows_setting_default_and_end() -> None:
    assert (
        "| `trade_risk` | its cost, fee included, is more percent of the bankroll | `MAX_TRADE_RISK_PCT` | 2 | no |"
        in (denials_table(DEFAULTS).splitlines())
    )
    rows = breakers_table(DEFAULTS).splitlines()
    ends = [row.rsplit(" | ", 2)[1:] for row in rows[2:6]]
    assert ends == [
        ["reducing", "after 24 hours, or by `milkbot resume` |"],
        ["half_size", "after 7 days, or by `milkbot resume` |"],
        ["halted", "by `milkbot resume` |"],
        ["halted", "by `milkbot resume` |"],
    ]
    assert "after 60 minutes" in rows[6]
    assert "after 30 minutes" in rows[7]
