"""Trading modes, and which exchange hosts each of them may talk to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

PRODUCTION_HOSTS = frozenset({"external-api.kalshi.com", "api.elections.kalshi.com"})
DEMO_HOSTS = frozenset({"external-api.demo.kalshi.co", "demo-api.kalshi.co"})
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class TradingMode(StrEnum):
    """shadow decides and records, demo sends to the demo exchange, live sends real orders."""

    SHADOW = "shadow"
    DEMO = "demo"
    LIVE = "live"


MODE_NOTES: Mapping[TradingMode, str] = {
    TradingMode.SHADOW: "decides and records, sends no orders",
    TradingMode.DEMO: "no real money",
    TradingMode.LIVE: "real money",
}
"""What a mode means for whoever looks at a page."""


class Exchange(StrEnum):
    """Which exchange a base address reaches."""

    PRODUCTION = "production"
    DEMO = "demo"
    SIMULATOR = "simulator"


def exchange_of(api_base: str) -> Exchange:
    """The exchange behind a base address. Raises ValueError for a host that is on no list.

    A plain http address is accepted on loopback only: keys and signatures must not cross a network in clear.
    """
    parts = urlsplit(api_base)
    host = (parts.hostname or "").lower()
    if host in LOOPBACK_HOSTS and parts.scheme in {"http", "https"}:
        return Exchange.SIMULATOR
    if parts.scheme == "https" and host in PRODUCTION_HOSTS:
        return Exchange.PRODUCTION
    if parts.scheme == "https" and host in DEMO_HOSTS:
        return Exchange.DEMO
    known = ", ".join(sorted(PRODUCTION_HOSTS | DEMO_HOSTS))
    raise ValueError(f"{api_base!r} is no exchange address that is known; use https and one of {known}")


def mode_fits(mode: TradingMode, exchange: Exchange) -> bool:
    """Whether that mode may talk to that exchange. shadow sends nothing, so it may watch any of them."""
    if mode is TradingMode.SHADOW:
        return True
    if mode is TradingMode.DEMO:
        return exchange is not Exchange.PRODUCTION
    return exchange is Exchange.PRODUCTION
