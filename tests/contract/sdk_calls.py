"""What both SDKs' traders share: the count of their calls, and what a day of trading takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from tests.exchange import Exchange

from milkbot.simulator.server import EXCHANGE_PREFIX, build_app

Reply = TypeVar("Reply")
SERIES = "KXHIGHNY"
CATEGORY = "Climate and Weather"
NO_ROUTE = " (no route)"


class Calls:
    """What a client asked for, and which replies its models refused."""

    def __init__(self, exchange: Exchange) -> None:
        self._paths = build_app(exchange.simulator).openapi()["paths"]
        self.by_route: Counter[str] = Counter()
        self.failures: list[str] = []
        self.undocumented: set[str] = set()
        """Fields of replies that the SDK's models do not have."""

    def note(self, method: str, url: str) -> None:
        """Count a request by the template of its route."""
        path = urlsplit(url).path
        fitting = [known for known in self._paths if method.lower() in self._paths[known] and _fits(path, known)]
        # A literal path goes before one with a name in it.
        route = min(fitting, key=lambda known: known.count("{"), default=f"{path}{NO_ROUTE}")
        self.by_route[f"{method} {route.removeprefix(EXCHANGE_PREFIX)}"] += 1

    def parsed(self, call: Callable[..., Reply], *args: Any, **named: Any) -> Reply:
        """The reply as the SDK's model. Raises what the model says against it, which is then counted."""
        try:
            return call(*args, **named)
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            self.failures.append(f"{getattr(call, '__name__', call)}: {error}")
            raise


class Trader(Protocol):
    """What a day of trading takes. Prices and counts are the wire's texts."""

    calls: Calls

    def close(self) -> None: ...
    def survey(self, now: datetime) -> None: ...
    def liquid_markets(self) -> list[str]: ...
    def best(self, ticker: str) -> tuple[Decimal, Decimal]: ...
    def new_group(self) -> str: ...
    def take(self, ticker: str, price: str, count: str) -> Decimal: ...
    def rest(self, ticker: str, side: str, price: str, count: str, group: str) -> str: ...
    def amend(self, order_id: str, price: str) -> None: ...
    def decrease(self, order_id: str, by: str) -> None: ...
    def cancel(self, order_id: str) -> None: ...
    def rest_many(self, rows: list[dict[str, str]]) -> list[str]: ...
    def cancel_many(self, order_ids: list[str]) -> None: ...
    def resting(self) -> list[str]: ...
    def filled(self) -> Decimal: ...
    def position(self, ticker: str) -> Decimal: ...
    def use_group(self, group: str) -> None: ...
    def end_orders(self) -> None: ...
    def settled(self) -> int: ...
    def balance(self) -> int: ...
    def look_back(self, ticker: str, now: datetime) -> int: ...


def dearest(markets: Any) -> list[str]:
    """Tickers of the markets with quotes on both sides, the dearest first."""
    quoted = [
        market for market in markets if float(market.yes_bid_dollars) > 0.02 and float(market.yes_ask_dollars) < 0.98
    ]
    return [str(market.ticker) for market in sorted(quoted, key=lambda market: market.yes_bid_dollars, reverse=True)]


def best_of(yes: Any, no: Any) -> tuple[Decimal, Decimal]:
    """Best bid and ask of the YES leg, of the bids on either leg."""
    bid, other = (max((Decimal(level[0]) for level in levels), default=Decimal("0.01")) for levels in (yes, no))
    return bid, 1 - other


def seconds(now: datetime, hours: float = 0) -> int:
    """Unix seconds of a moment some hours away."""
    return int((now + timedelta(hours=hours)).timestamp())


def unknown_in(model: Any, body: Any) -> Iterator[str]:
    """Names in a body that the model which read it does not have."""
    if isinstance(model, list):
        for part, row in zip(model, body, strict=True):
            yield from unknown_in(part, row)
    elif isinstance(model, BaseModel):
        fields = {field.alias or name: name for name, field in type(model).model_fields.items()}
        for name, value in body.items():
            if name not in fields:
                yield f"{type(model).__name__}.{name}"
            elif value is not None:
                yield from unknown_in(getattr(model, fields[name]), value)


def _fits(path: str, template: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None
