"""The running values of the equity curve."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from milkbot.analytics.equity import EquityDay, chain

START = date(2026, 11, 1)
RESULTS = st.lists(st.decimals("-200", "200", places=6), max_size=20)


def _days(results: list[Decimal]) -> list[tuple[date, Decimal]]:
    return [(START + timedelta(days=number), result) for number, result in enumerate(results)]


def test_loss_after_a_gain_is_a_drawdown_from_the_high_water_mark() -> None:
    rows = chain(None, Decimal(1000), _days([Decimal(100), Decimal(-55), Decimal(10)]))
    assert rows[1] == EquityDay(
        date=START + timedelta(days=1),
        starting_equity=Decimal(1100),
        ending_equity=Decimal(1045),
        daily_pnl=Decimal(-55),
        cumulative_pnl=Decimal(45),
        drawdown=Decimal(55),
        drawdown_pct=Decimal(5),
        high_water_mark=Decimal(1100),
    )
    assert (rows[2].ending_equity, rows[2].drawdown) == (Decimal(1055), Decimal(45))


def test_loss_on_the_first_day_is_measured_from_the_start() -> None:
    assert chain(None, Decimal(1000), _days([Decimal(-10)]))[0].drawdown == Decimal(10)


def test_account_without_money_has_no_percentage() -> None:
    assert chain(None, Decimal(0), _days([Decimal(-5)]))[0].drawdown_pct == 0


@given(RESULTS, st.integers(0, 20))
def test_chain_continued_from_any_day_equals_the_whole(results: list[Decimal], cut: int) -> None:
    whole = chain(None, Decimal(1000), _days(results))
    head, tail = whole[:cut], _days(results)[cut:]
    before = head[-1] if head else None
    assert head + chain(before, Decimal(1000), tail) == whole


@given(RESULTS)
def test_money_is_neither_made_nor_lost_between_days(results: list[Decimal]) -> None:
    ending = Decimal(1000)
    for row in chain(None, Decimal(1000), _days(results)):
        assert row.starting_equity == ending
        ending = row.ending_equity
        assert ending == Decimal(1000) + row.cumulative_pnl
        assert row.drawdown >= 0
    assert ending == Decimal(1000) + sum(results)
