"""Reads of the public views of markets and forecasts. Each is a short walk along an index, whatever is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import Select, TextClause, column, select, text

from milkbot.analytics.service.cursors import MarketsCursor
from milkbot.analytics.service.listed import (
    STRIKING,
    Listed,
    Row,
    code,
    decimal,
    json_row,
    moment,
    named,
    plain,
    rows_as_json,
    words,
)
from milkbot.analytics.service.market_schemas import EventForecast, Market, Markets, Today
from milkbot.analytics.service.queries import DELAY_MINUTES, MOST_ROWS, as_of_and_mode, listing, read_list
from milkbot.analytics.service.schemas import decimal_text
from milkbot.db.session import Bind, reading
from milkbot.domain.chances import mid
from milkbot.domain.cities import Extreme, Series, all_series, series_of
from milkbot.domain.markets import Strike, StrikeType, event_ticker
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import Leg
from milkbot.domain.units import ZERO

_NUMBER = "^-?[0-9][0-9]?[0-9]?([.][0-9][0-9]?)?$"
_MOST_BRACKETS = 50
_DAYS_AHEAD = 1
"""Tomorrow's events are listed the day before."""


def official(column: str) -> str:
    """An official temperature as a number, where the exchange's text in that column is one."""
    return f"CASE WHEN {column} ~ '{_NUMBER}' THEN CAST({column} AS numeric) END"


_LEG = "CASE WHEN signed_count > 0 THEN 'yes' WHEN signed_count < 0 THEN 'no' END"
_DECIMALS = ("bought", "sold", "cost", "fees", "realized_pnl", "unrealized_pnl")
_MARKET = {
    **STRIKING,
    "event_ticker": words("event_ticker"),
    "city_code": code("city_code"),
    "climate_day": code("climate_day"),
    "first_leg": code("first_leg"),
    "trades": plain("trades"),
    "held_leg": code(_LEG),
    "held": decimal("abs(signed_count)"),
    "is_open": plain("is_open"),
    "result": words("result"),
    "official_value": decimal("official_value"),
    **{name: decimal(name) for name in _DECIMALS},
    **{name: moment(name) for name in ("first_trade_time", "last_trade_time", "settled_at", "marked_at")},
}
# The view sorts. To sort here would have it planned for all markets ever.
_MARKETS = f"""
SELECT {json_row({name: _MARKET[name] for name in Market.model_fields})}
FROM (
    SELECT *, {official("expiration_value")} AS official_value FROM analytics.v_public_markets
    WHERE trading_mode = :mode%(city)s%(after)s LIMIT {MOST_ROWS + 1}
) AS market LIMIT :limit
"""  # noqa: S608 - the only things put in are constants of ours
_OF_CITY = " AND city_code = :city"
_AFTER = " AND climate_day <= :day AND (climate_day < :day OR ticker > :ticker)"

# The newest forecast of each event, in all its brackets. Each limit keeps a part apart: it is planned for one event.
# As a `select` of columns: what SQLAlchemy finds out of each is kept then.
_SHOWN = (
    *("event_ticker", "climate_day", "as_of", "forecaster", "version", "reason", "weather_source"),
    *("forecast_issued_at", "forecast_high_f", "forecast_low_f", "observed_max_f", "observed_min_f", "current_f"),
    *("observed_at", "forecast_sd_f", "ticker", "strike_type", "floor_strike", "cap_strike", "yes_bid", "yes_ask"),
    *("probability", "signed_count"),
)
_FORECASTS: Select[*tuple[Any, ...]] = select(*(column(name) for name in _SHOWN)).select_from(
    text(
        f"""
    (SELECT shown.* FROM unnest(CAST(:events AS text[])) AS wanted (event)
    CROSS JOIN LATERAL (
        SELECT as_of FROM analytics.v_public_forecasts
        WHERE trading_mode = :mode AND event_ticker = wanted.event LIMIT 1) AS newest
    CROSS JOIN LATERAL (
        SELECT * FROM analytics.v_public_forecasts AS made
        WHERE made.trading_mode = :mode AND made.event_ticker = wanted.event AND made.as_of = newest.as_of
        LIMIT {_MOST_BRACKETS}) AS shown) AS found
    """  # noqa: S608 - the only thing put in is a constant of ours
    )
)


def read_markets(bind: Bind, limit: int, city: str | None, after: MarketsCursor | None = None) -> Listed:
    """The markets that were traded, newest climate day first, of one city or of all, or those that follow a page."""
    keys: dict[str, object] = {"city": city, "limit": limit + 1}
    if after:
        keys |= {"day": after.day, "ticker": after.ticker}
    as_of, mode, found = read_list(bind, _markets(of_city=city is not None, follows=after is not None), keys)
    markets = found[:limit]
    following = str(cursor_after(markets[-1])) if len(found) > limit else None
    head = Markets(mode=mode, as_of=as_of, delay_minutes=DELAY_MINUTES, markets=[], next_cursor=following)
    return Listed(head, "markets", markets)


@cache
def _markets(*, of_city: bool, follows: bool) -> TextClause:
    return listing(_MARKETS % {"city": _OF_CITY if of_city else "", "after": _AFTER if follows else ""})


def cursor_after(market: str) -> MarketsCursor:
    """The cursor of what follows that market."""
    last = json.loads(market)
    return MarketsCursor(date.fromisoformat(last["climate_day"]), last["ticker"])


def _held(signed_count: Decimal) -> tuple[Leg | None, Decimal]:
    if not signed_count:
        return None, ZERO
    return (Leg.YES if signed_count > ZERO else Leg.NO), abs(signed_count)


def read_today(bind: Bind, city: str | None) -> Listed:
    """The newest public forecast of each event of a climate day that is not over, of one city or of all."""
    wanted = [series for series in _listed_series() if city in {None, series.city.code}]
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        events = list(_events(wanted, as_of))
        found = newest_forecasts(connection, mode, events)
    order = {name: number for number, name in enumerate(events)}
    rows = sorted(found, key=lambda row: order[row["event_ticker"]])
    forecasts = [_event(list(group)) for _, group in groupby(rows, key=lambda row: row["event_ticker"])]
    return Listed(
        Today(mode=mode, as_of=as_of, delay_minutes=DELAY_MINUTES, events=[]), "events", rows_as_json(forecasts)
    )


def newest_forecasts(bind: Bind, mode: TradingMode | None, events: Sequence[str]) -> Sequence[Row]:
    """The brackets of the newest public forecast of each of these events."""
    keys = {"mode": mode, "events": list(events)}
    with reading(bind) as connection:
        return named(_SHOWN, connection.execute(_FORECASTS, keys).all())


@cache
def _listed_series() -> tuple[Series, ...]:
    """City by city as in the table of cities, the high first."""
    places = [series.city.code for series in all_series()]
    order = sorted(all_series(), key=lambda one: (places.index(one.city.code), one.extreme is Extreme.LOW))
    return tuple(order)


def _events(wanted: Iterable[Series], as_of: datetime) -> Iterable[str]:
    """Their events."""
    for series in wanted:
        today = series.city.climate_day_at(as_of)
        for ahead in range(_DAYS_AHEAD + 1):
            yield event_ticker(series.ticker, today + timedelta(days=ahead))


def _event(rows: list[Row]) -> Row:
    first = rows[0]
    series = series_of(first["event_ticker"].partition("-")[0])
    is_high = series.extreme is Extreme.HIGH
    event = EventForecast.model_validate(
        {
            **first,
            "city_code": series.city.code,
            "city_name": series.city.name,
            "station": series.city.station,
            "measure": series.extreme,
            "day_ends": series.city.day_bounds(first["climate_day"])[1],
            "forecast_f": first["forecast_high_f" if is_high else "forecast_low_f"],
            "observed_f": first["observed_max_f" if is_high else "observed_min_f"],
            "brackets": [],
        }
    )
    return {**event.model_dump(mode="json"), "brackets": _brackets(rows, series.extreme)}


def _brackets(rows: list[Row], measure: Extreme) -> list[Row]:
    """From cold to warm."""
    mids = {row["ticker"]: mid(row["yes_bid"], row["yes_ask"]) for row in rows}
    known = [price for price in mids.values() if price is not None]
    total = sum(known, ZERO) if len(known) == len(rows) else ZERO
    return [_bracket(row, measure, mids[row["ticker"]], total) for row in sorted(rows, key=_lower_edge)]


def _bracket(row: Row, measure: Extreme, price: Decimal | None, total: Decimal) -> Row:
    """The fields of `Bracket`."""
    leg, held = _held(row["signed_count"])
    return {
        "ticker": row["ticker"],
        "measure": measure,
        "strike_type": row["strike_type"],
        "floor_strike": row["floor_strike"],
        "cap_strike": row["cap_strike"],
        "probability": row["probability"],
        "yes_bid": _text(row["yes_bid"]),
        "yes_ask": _text(row["yes_ask"]),
        "mid": _text(price),
        "market_probability": round(float(price / total), 6) if price is not None and total else None,
        "held_leg": leg,
        "held": _text(held),
    }


@lru_cache(maxsize=1024)
def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _lower_edge(row: Row) -> float:
    return _edge(row["strike_type"], row["floor_strike"], row["cap_strike"])


@lru_cache
def _edge(kind: str, floor: int | None, cap: int | None) -> float:
    return Strike(StrikeType(kind), floor, cap).lower_edge
