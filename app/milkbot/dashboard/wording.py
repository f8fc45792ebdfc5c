"""How figures, times and modes are written on the page."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from html import escape

from milkbot.domain.cities import cities, series_of
from milkbot.domain.modes import TradingMode

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EM DASH}"
CENT = Decimal("0.01")

MODE_NOTES = {
    TradingMode.SHADOW: "Decides and records, sends no orders",
    TradingMode.DEMO: "Orders go to a demo exchange, no real money",
    TradingMode.LIVE: "Real orders, real money",
}


def dollars(value: Decimal) -> str:
    """$1,234.50, with a proper minus before the sign of the currency."""
    rounded = value.quantize(CENT, ROUND_HALF_UP)
    return f"{MINUS if rounded < 0 else ''}${abs(rounded):,.2f}"


def signed_dollars(value: Decimal) -> str:
    """The same with a plus for a gain; zero has no sign."""
    return f"+{dollars(value)}" if value.quantize(CENT, ROUND_HALF_UP) > 0 else dollars(value)


def percent(fraction: Decimal | None) -> str:
    """62.5% of 0.625, a dash for none."""
    return NOTHING if fraction is None else f"{100 * fraction:.1f}%"


def signed_percent(fraction: Decimal) -> str:
    """+9.4% of 0.094, with a proper minus; zero has no sign."""
    rounded = (100 * fraction).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{'+' if rounded > 0 else MINUS if rounded < 0 else ''}{abs(rounded)}%"


def cents(price: Decimal) -> str:
    """A contract's price in cents, tenths only where there are any."""
    shown = f"{100 * price:.1f}".removesuffix(".0")
    return f"{shown}¢"


def contracts(count: Decimal) -> str:
    """A count without needless decimals."""
    return f"{count:,.2f}".rstrip("0").rstrip(".")


def clock_time(moment: datetime) -> str:
    """21 Nov, 14:05 in UTC."""
    return f"{moment.astimezone(UTC):%d %b, %H:%M}".lstrip("0")


def city_name(code: str) -> str:
    """New York for NYC; a code that cities.toml does not know is returned as it is."""
    return next((city.name for city in cities() if city.code == code), code)


def outcome(ticker: str) -> str:
    """The extreme and the strike in a market's ticker, "Low 40\N{EN DASH}41°"; only the strike of an unknown series."""
    try:
        return f"{series_of(ticker.partition('-')[0]).extreme.capitalize()} {bracket(ticker)}"
    except KeyError:
        return bracket(ticker)


def bracket(ticker: str) -> str:
    """The strike in a market's ticker: the two degrees of a bracket (B60.5), or the edge of a tail (T46)."""
    strike = ticker.rsplit("-", 1)[-1]
    if strike.startswith("B") and strike.endswith(".5"):
        lower = int(strike[1:-2])
        return f"{lower}\N{EN DASH}{lower + 1}°"
    return f"tail at {strike[1:]}°" if strike.startswith("T") else strike


def tone(value: Decimal | None) -> str:
    """The style class of a result."""
    if value is None or value == 0:
        return "flat"
    return "gain" if value > 0 else "loss"


def text(value: object) -> str:
    """Text for HTML: nothing that an answer holds becomes markup."""
    return escape(str(value))
