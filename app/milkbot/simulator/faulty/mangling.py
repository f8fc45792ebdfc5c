"""Faults in single objects of a reply: a series that is gone, an order book that is null, an object that is odd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import Fired
from milkbot.simulator.world.draws import Draws

KINDS = frozenset({FaultKind.NULL_BOOK, FaultKind.OBJECT_MANGLED})
_LISTS = (
    "events",
    "orderbooks",
    "markets",
    "fills",
    "orders",
    "settlements",
    "market_positions",
)
"""Where a reply has its objects; an event has its markets within."""
_PUT_OF_ANOTHER_KIND = {"odd": True}


def mangled(body: Any, one: Fired) -> Any:
    """The body with that fault in one of its objects; the same where there is none of its kind."""
    if one.rule.fault is FaultKind.NULL_BOOK:
        places = [place for place in _places(body) if place[1] == "orderbooks" and _is_of(place, one.rule.ticker)]
        for holder, key, at in _drawn(places, one.draws):
            holder[key][at] = {**holder[key][at], "orderbook_fp": None}
        return body
    places = [place for place in _places(body) if _is_of(place, one.rule.ticker)]
    for holder, key, at in _drawn(places, one.draws):
        holder[key][at] = _odd(holder[key][at], one)
    return body


def is_of_series(path: str, series: str) -> bool:
    """Whether a request's path, without /trade-api/v2, names that series or an event of it."""
    parts = path.strip("/").split("/")
    return len(parts) > 1 and (parts[1] == series or parts[1].startswith(f"{series}-"))


def without_series(body: Any, series: str) -> Any:
    """A list of events or of series without those of one."""
    for key, name in (("events", "series_ticker"), ("series", "ticker")):
        if isinstance(body, dict) and isinstance(body.get(key), list):
            body[key] = [row for row in body[key] if row.get(name) != series]
    return body


_Place = tuple[dict[str, Any], str, int]


def _places(body: Any) -> Iterator[_Place]:
    """Every object of the lists of a body, and of those within."""
    if not isinstance(body, dict):
        return
    for key in _LISTS:
        rows = body.get(key)
        for at, row in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(row, dict):
                yield body, key, at
                yield from _places(row)


def _is_of(place: _Place, ticker: str) -> bool:
    holder, key, at = place
    row = holder[key][at]
    return not ticker or ticker in (row.get("ticker"), row.get("event_ticker"), row.get("series_ticker"))


def _drawn(places: list[_Place], draws: Draws) -> list[_Place]:
    return [places[int(draws.uniform() * len(places))]] if places else []


def _odd(row: dict[str, Any], one: Fired) -> Any:
    names = sorted(row)
    name = one.rule.field or names[int(one.draws.uniform() * len(names))]
    if one.rule.mangling == "missing":
        return {key: value for key, value in row.items() if key != name}
    return {**row, name: None if one.rule.mangling == "null" else _PUT_OF_ANOTHER_KIND}
