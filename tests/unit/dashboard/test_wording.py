"""Figures as they are written on the page."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from milkbot.dashboard import wording
from milkbot.dashboard.wording import MINUS


@pytest.mark.parametrize(
    ("value", "plain", "signed"),
    [
        ("1234.5", "$1,234.50", "+$1,234.50"),
        ("-3.205", f"{MINUS}$3.21", f"{MINUS}$3.21"),
        ("0", "$0.00", "$0.00"),
        ("0.004", "$0.00", "$0.00"),
        ("-0.004", "$0.00", "$0.00"),
    ],
)
def test_dollars_have_two_decimals_and_no_sign_at_zero(value: str, plain: str, signed: str) -> None:
    assert wording.dollars(Decimal(value)) == plain
    assert wording.signed_dollars(Decimal(value)) == signed


def test_rates_have_one_decimal_and_a_dash_if_unknown() -> None:
    assert wording.percent(Decimal("0.6667")) == "66.7%"
    assert wording.percent(None) == "—"
    shares = [Decimal(share) for share in ("0.094", "-0.0206", "0.0004")]
    assert [wording.signed_percent(share) for share in shares] == [
        "+9.4%",
        f"{MINUS}2.1%",
        "0.0%",
    ]


@pytest.mark.parametrize(("price", "shown"), [("0.4", "40¢"), ("0.415", "41.5¢"), ("0.99", "99¢"), ("0.05", "5¢")])
def test_prices_are_shown_in_cents(price: str, shown: str) -> None:
    assert wording.cents(Decimal(price)) == shown


@pytest.mark.parametrize(("count", "shown"), [("10.00", "10"), ("12.50", "12.5"), ("1200", "1,200"), ("0.01", "0.01")])
def test_counts_have_no_needless_decimals(count: str, shown: str) -> None:
    assert wording.contracts(Decimal(count)) == shown


def test_times_are_shown_in_utc_whatever_their_zone() -> None:
    moment = datetime(2026, 11, 2, 22, 5, tzinfo=timezone(timedelta(hours=-5)))
    assert wording.clock_time(moment) == "3 Nov, 03:05"


@pytest.mark.parametrize(
    ("ticker", "shown"),
    [
        ("KXHIGHNY-26NOV20-B60.5", "60\N{EN DASH}61°"),
        ("KXHIGHDEN-26NOV20-T46", "tail at 46°"),
        ("KXHIGHNY-26NOV20-X", "X"),
    ],
)
def test_brackets_are_shown_in_degrees(ticker: str, shown: str) -> None:
    assert wording.bracket(ticker) == shown


@pytest.mark.parametrize(
    ("ticker", "shown"),
    [
        ("KXHIGHNY-26NOV20-B60.5", "High 60\N{EN DASH}61°"),
        ("KXLOWTDEN-26NOV20-B40.5", "Low 40\N{EN DASH}41°"),
        ("KXLOWTDEN-26NOV20-T46", "Low tail at 46°"),
        ("KXHIGHROME-26NOV20-B60.5", "60\N{EN DASH}61°"),
    ],
)
def test_a_trade_says_whether_it_is_of_the_high_or_the_low(ticker: str, shown: str) -> None:
    assert wording.outcome(ticker) == shown


def test_unknown_city_keeps_its_code() -> None:
    assert [wording.city_name(code) for code in ("NYC", "XYZ")] == ["New York", "XYZ"]
