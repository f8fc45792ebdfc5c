"""How shares, times and markets are written on every public page; `milkbot.amounts` has money and counts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from html import escape
from zoneinfo import ZoneInfo

from milkbot.amounts import MINUS, NOTHING
from milkbot.analytics.service.schemas import Striking
from milkbot.domain.cities import City, cities
from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.orders import Leg


def percent(fraction: Decimal | None) -> str:
    """62.5% of 0.625, a dash for none."""
    return NOTHING if fraction is None else f"{100 * fraction:.1f}%"


def signed_percent(fraction: Decimal) -> str:
    """+9.4% of 0.094, with a proper minus; zero has no sign."""
    rounded = (100 * fraction).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{'+' if rounded > 0 else MINUS if rounded < 0 else ''}{abs(rounded)}%"


def signed(value: float, digits: int) -> str:
    """A number with its sign and so many decimals; what rounds to zero has no sign."""
    shown = f"{abs(value):.{digits}f}"
    if not shown.strip("0."):
        return shown
    return f"{'+' if value > 0 else MINUS}{shown}"


def clock_time(moment: datetime) -> str:
    """21 Nov, 14:05 in UTC."""
    return f"{moment.astimezone(UTC):%d %b, %H:%M}".lstrip("0")


def day(value: date) -> str:
    """Fri 27 Nov."""
    return f"{value:%a} {value.day} {value:%b}"


def ago(passed: timedelta) -> str:
    """How long ago, to the minute, hour or day; live.js says the same."""
    minutes = int(passed.total_seconds()) // 60
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"


def city_of(code: str) -> City | None:
    """The city of a code, None for one that cities.toml does not know."""
    return next((city for city in cities() if city.code == code), None)


def city_name(code: str) -> str:
    """New York for NYC; a code that cities.toml does not know is returned as it is."""
    city = city_of(code)
    return city.name if city else code


def zone_name(city: City) -> str:
    """The name of a city's standard time, which its climate days keep all year: EST."""
    return str(datetime(2026, 1, 15, tzinfo=ZoneInfo(city.time_zone)).tzname())


def city_time(city: City, moment: datetime) -> str:
    """A moment by the city's clocks: 10:46 EST."""
    return f"{moment.astimezone(ZoneInfo(city.time_zone)):%H:%M %Z}"


def strike_of(market: Striking) -> Strike | None:
    """The strike of a market in an answer; None where the API does not know it.

    Of a bracket with two ends the ticker says enough (B60.5); of an outer one it does not say the direction.
    """
    if market.strike_type is not None:
        return Strike(market.strike_type, market.floor_strike, market.cap_strike)
    inner = re.fullmatch(r".*-B(-?\d+)[.]5", market.ticker)
    return Strike(StrikeType.BETWEEN, int(inner[1]), int(inner[1]) + 1) if inner else None


def degrees(strike: Strike, leg: Leg = Leg.YES) -> str:
    """The whole official degrees that make the leg right: "50 °F or more"."""
    if strike.floor is not None and strike.cap is not None:
        joined = "or" if strike.cap == strike.floor + 1 else "to"
        both = f"{strike.floor} {joined} {strike.cap} °F" if strike.cap > strike.floor else f"{strike.floor} °F"
        return both if leg is Leg.YES else f"anything but {both}"
    if strike.floor is not None:
        return f"{strike.floor + 1} °F or more" if leg is Leg.YES else f"{strike.floor} °F or less"
    cap = strike.cap or 0
    return f"{cap - 1} °F or less" if leg is Leg.YES else f"{cap} °F or more"


def celsius(strike: Strike) -> str:
    """The edges of a strike in degrees Celsius, for those who think in these."""
    shown = [f"{(edge - 32) / 1.8:.1f}".replace("-", MINUS) for edge in (strike.lower_edge, strike.upper_edge)]
    if strike.floor is None:
        return f"below {shown[1]} °C"
    return f"above {shown[0]} °C" if strike.cap is None else f"{shown[0]} to {shown[1]} °C"


def bracket(market: Striking) -> str:
    """What has to be measured for YES: "high 50 °F or more"."""
    strike = strike_of(market)
    said = degrees(strike) if strike else f"in a bracket that is not known ({market.ticker.rsplit('-', 1)[-1]})"
    return f"{market.measure or 'temperature'} {said}"


def chance(probability: float | None) -> str:
    """46 % of 0.461, "<1 %" and ">99 %" where it is neither 0 nor 1; a dash for none."""
    if probability is None:
        return NOTHING
    shown = round(100 * probability)
    if shown == 0 and probability > 0:
        return "<1 %"
    return ">99 %" if shown == 100 and probability < 1 else f"{shown} %"


def tone(value: Decimal | None) -> str:
    """The style class of a result."""
    if value is None or value == 0:
        return "flat"
    return "gain" if value > 0 else "loss"


def text(value: object) -> str:
    """Text for HTML: nothing that an answer holds becomes markup."""
    return escape(str(value))
