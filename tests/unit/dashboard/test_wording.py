"""Figures as they are written on the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from milkbot import amounts
from milkbot.amounts import MINUS
from milkbot.analytics.service.schemas import Striking
from milkbot.dashboard import wording
from milkbot.domain.cities import Extreme
from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.orders import Leg


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
    assert amounts.dollars(Decimal(value)) == plain
    assert amounts.signed_dollars(Decimal(value)) == signed


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
    assert amounts.cents(Decimal(price)) == shown


@pytest.mark.parametrize(("count", "shown"), [("10.00", "10"), ("12.50", "12.5"), ("1200", "1,200"), ("0.01", "0.01")])
def test_counts_have_no_needless_decimals(count: str, shown: str) -> None:
    assert amounts.contracts(Decimal(count)) == shown


def test_times_are_shown_in_utc_whatever_their_zone() -> None:
    moment = datetime(2026, 11, 2, 22, 5, tzinfo=timezone(timedelta(hours=-5)))
    assert wording.clock_time(moment) == "3 Nov, 03:05"


@pytest.mark.parametrize(
    ("strike", "yes", "no", "celsius"),
    [
        (Strike(StrikeType.GREATER, 49), "50 °F or more", "49 °F or less", "above 9.7 °C"),
        (Strike(StrikeType.LESS, cap=42), "41 °F or less", "42 °F or more", "below 5.3 °C"),
        (Strike(StrikeType.BETWEEN, 48, 49), "48 or 49 °F", "anything but 48 or 49 °F", "8.6 to 9.7 °C"),
        (Strike(StrikeType.BETWEEN, -2, 0), "-2 to 0 °F", "anything but -2 to 0 °F", f"{MINUS}19.2 to {MINUS}17.5 °C"),
    ],
)
def test_a_strike_is_said_in_whole_degrees_for_each_leg(strike: Strike, yes: str, no: str, celsius: str) -> None:
    assert (wording.degrees(strike), wording.degrees(strike, Leg.NO)) == (yes, no)
    assert wording.celsius(strike) == celsius


def test_a_market_says_the_extreme_and_the_degrees() -> None:
    known = Striking(ticker="KXLOWTDEN-26NOV20-T46", measure=Extreme.LOW, strike_type=StrikeType.LESS, cap_strike=46)
    assert wording.bracket(known) == "low 45 °F or less"
    inner = Striking(ticker="KXHIGHNY-26NOV20-B60.5", measure=Extreme.HIGH)
    assert wording.bracket(inner) == "high 60 or 61 °F"
    unknown = Striking(ticker="KXHIGHROME-26NOV20-T46")
    assert wording.bracket(unknown) == "temperature in a bracket that is not known (T46)"


def test_a_citys_day_and_moments_are_by_its_own_clocks() -> None:
    city = wording.city_of("NYC")
    assert city is not None
    assert wording.zone_name(city) == "EST"
    assert wording.city_time(city, datetime(2026, 7, 1, 16, tzinfo=UTC)) == "12:00 EDT"


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(None, "—"), (0.0, "0 %"), (0.004, "<1 %"), (0.461, "46 %"), (0.997, ">99 %"), (1.0, "100 %")],
)
def test_a_chance_is_never_said_to_be_certain_where_it_is_not(probability: float | None, shown: str) -> None:
    assert wording.chance(probability) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0126, "+0.013"), (-0.5, f"{MINUS}0.500"), (0.0, "0.000"), (-0.0004, "0.000")]
)
def test_a_signed_number_has_no_sign_where_it_rounds_to_zero(value: float, shown: str) -> None:
    assert wording.signed(value, 3) == shown


def test_unknown_city_keeps_its_code() -> None:
    assert [wording.city_name(code) for code in ("NYC", "XYZ")] == ["New York", "XYZ"]
