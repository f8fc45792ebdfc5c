"""A price or count that changes on its way to the exchange is an order that nobody decided."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.strategies import COUNTS, PRICES

from milkbot.domain import units


@pytest.mark.parametrize("parse", [units.price, units.count, units.cash])
@pytest.mark.parametrize("text", ["", "a", "NaN", "Infinity", "-Infinity", "0,5", "None"])
def test_a_text_that_is_no_number_is_refused(parse: Callable[[str], Decimal], text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


@pytest.mark.parametrize("text", ["-0.01", "1.000001", "88"])
def test_a_price_outside_one_contracts_dollar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="0 to 1 dollar"):
        units.price(text)


@pytest.mark.parametrize("text", ["-1", "0.001", "2192.155"])
def test_a_count_that_the_exchange_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"multiple of 0\.01"):
        units.count(text)


@given(PRICES)
def test_a_price_is_read_back_from_the_wire_as_it_was(price: units.Price) -> None:
    assert units.price(units.price_text(price)) == price


@given(COUNTS)
def test_a_count_is_read_back_from_the_wire_as_it_was(contracts: units.Count) -> None:
    assert units.count(units.count_text(contracts)) == contracts


@given(st.decimals(-(10**6), 10**6, places=6))
def test_cash_is_read_back_from_the_wire_as_it_was(dollars: Decimal) -> None:
    assert units.cash(units.cash_text(dollars)) == dollars


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.5", "0.5000"), ("1", "1.0000"), ("0.0001", "0.0001"), ("0.123456", "0.123456"), ("1E-4", "0.0001")],
)
def test_a_price_is_written_with_four_decimals_or_all_that_it_has(value: str, text: str) -> None:
    assert units.price_text(units.price(value)) == text


@given(PRICES)
def test_both_legs_of_a_contract_cost_a_dollar(price: units.Price) -> None:
    assert price + units.complement(price) == 1
    assert units.complement(units.complement(price)) == price


@given(st.decimals(0, 1000, places=6), st.sampled_from(["0.01", "0.001", "0.0001"]))
def test_rounding_is_within_a_step_and_on_the_right_side(value: Decimal, step_text: str) -> None:
    step = Decimal(step_text)
    down, up = units.round_down(value, step), units.round_up(value, step)
    assert down <= value <= up
    assert up - down in (0, step)
    assert units.round_floor(value, step) == down
    assert down % step == up % step == 0


def test_a_loss_is_rounded_in_the_named_direction() -> None:
    loss = Decimal("-0.015")
    assert units.round_down(loss, Decimal("0.01")) == Decimal("-0.01")
    assert units.round_floor(loss, Decimal("0.01")) == Decimal("-0.02")
    assert units.round_up(loss, Decimal("0.01")) == Decimal("-0.01")


def test_texts_have_the_exchanges_number_of_decimals() -> None:
    assert (units.price_text(units.price("0.4")), units.price_text(units.price("0.123456"))) == ("0.4000", "0.123456")
    assert (units.count_text(Decimal(7)), units.count_text(Decimal("-7.5"))) == ("7.00", "-7.50")
    assert (units.cash_text(Decimal(7)), units.cash_text(Decimal("1E+2"))) == ("7.000000", "100.000000")


@pytest.mark.parametrize("wrong", ["ten", "NaN", "Infinity"])
def test_cash_that_is_no_number_is_refused_by_its_text(wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^cash is '{wrong}', expected a"):
        units.cash(wrong)


@pytest.mark.parametrize("wrong", ["ten", "NaN", "-Infinity"])
def test_a_price_or_count_that_is_no_number_is_refused_by_its_text(wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^price is '{wrong}', expected a"):
        units.price(wrong)
    with pytest.raises(ValueError, match=f"^count is '{wrong}', expected a"):
        units.count(wrong)
