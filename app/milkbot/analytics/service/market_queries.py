"""Reads of the public views of markets and forecasts. Each is a short walk along an index, whatever is asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache, lru_cache

from pydantic_core import to_json
from sqlalchemy import TextClause, text

from milkbot.analytics.service.cursors import MarketsCursor
from milkbot.analytics.service.listed import (
    STRIKING,
    Listed,
    code,
    decimal,
    instant,
    json_row,
    moment,
    plain,
    words,
)
from milkbot.analytics.service.market_schemas import Bracket, Market, Markets, Today
from milkbot.analytics.service.queries import DELAY_MINUTES, MOST_ROWS, as_of_and_mode, listing, read_list
from milkbot.db.session import Bind, reading
from milkbot.domain.cities import Extreme, Series, all_series
from milkbot.domain.markets import event_ticker
from milkbot.domain.modes import TradingMode

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

_BRACKET = {
    **STRIKING,
    "measure": code("wanted.measure"),
    "probability": plain("probability"),
    **{name: decimal(name) for name in ("yes_bid", "yes_ask", "mid")},
    "market_probability": plain("round(mid / total, 6)"),
    "held_leg": code(_LEG),
    "held": decimal("abs(signed_count)"),
}


def _of_measure(high: str, low: str) -> str:
    return plain(f"CASE wanted.measure WHEN '{Extreme.HIGH}' THEN {high} ELSE {low} END")


_EVENT = {
    "as_of": instant("as_of"),
    **{name: words(name) for name in ("forecaster", "version", "reason")},
    "forecast_f": _of_measure("forecast_high_f", "forecast_low_f"),
    # Nobody writes it. Where it is not read, the database looks no decision up for it.
    "forecast_sd_f": "'null'",
    "forecast_issued_at": instant("forecast_issued_at"),
    "observed_f": _of_measure("observed_max_f", "observed_min_f"),
    "current_f": plain("current_f"),
    "observed_at": instant("observed_at"),
    "weather_source": words("weather_source"),
    "brackets": "'[' || brackets.found || ']'",
}
# A line for each event, empty where it has no forecast: its newest one, in all its brackets from cold to warm, of which
# the coldest has no floor. Each limit keeps a part apart: it is planned for one event. The mid is that of
# `domain.chances`.
_FORECASTS = text(
    f"""
    SELECT string_agg(COALESCE(event.line, ''), E'\\n' ORDER BY wanted.place)
    FROM unnest(CAST(:events AS text[]), CAST(:measures AS text[])) WITH ORDINALITY AS wanted (event, measure, place)
    LEFT JOIN LATERAL (
        SELECT {json_row(_EVENT)} AS line
        FROM (SELECT * FROM analytics.v_public_forecasts
              WHERE trading_mode = :mode AND event_ticker = wanted.event LIMIT 1) AS newest
        CROSS JOIN LATERAL (
            SELECT string_agg({json_row({name: _BRACKET[name] for name in Bracket.model_fields})}, ','
                              ORDER BY floor_strike NULLS FIRST) AS found
            FROM (SELECT *, CASE WHEN count(mid) OVER () = count(*) OVER ()
                                 THEN NULLIF(sum(mid) OVER (), 0) END AS total
                  FROM (SELECT *, CASE WHEN yes_bid IS NOT NULL OR yes_ask IS NOT NULL
                                  THEN (COALESCE(yes_bid, 0) + COALESCE(yes_ask, 1)) / 2 END AS mid
                        FROM analytics.v_public_forecasts AS made
                        WHERE made.trading_mode = :mode AND made.event_ticker = wanted.event
                          AND made.as_of = newest.as_of
                        LIMIT {_MOST_BRACKETS}) AS priced) AS bracket) AS brackets
    ) AS event ON true
    """  # noqa: S608 - the only things put in are constants of ours
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


def read_today(bind: Bind, city: str | None) -> Listed:
    """The newest public forecast of each event of a climate day that is not over, of one city or of all."""
    wanted = [series for series in _listed_series() if city in {None, series.city.code}]
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        events = [
            _event(series, series.city.climate_day_at(as_of) + timedelta(days=ahead))
            for series in wanted
            for ahead in range(_DAYS_AHEAD + 1)
        ]
        made = newest_forecasts(connection, mode, [(ticker, measure) for ticker, measure, _ in events])
    found = [f"{known},{forecast[1:]}" for (*_, known), forecast in zip(events, made, strict=True) if forecast]
    return Listed(Today(mode=mode, as_of=as_of, delay_minutes=DELAY_MINUTES, events=[]), "events", found)


def newest_forecasts(bind: Bind, mode: TradingMode | None, events: Sequence[tuple[str, Extreme]]) -> list[str]:
    """The newest public forecast of each of these events, by ticker and measure, as JSON: the fields of `EventForecast`
    from `as_of` on. Empty for an event that has none.
    """
    # As the server writes an array: to find out how to write a list takes the driver longer.
    asked = {
        "events": f"{{{','.join(ticker for ticker, _ in events)}}}",
        "measures": f"{{{','.join(measure for _, measure in events)}}}",
    }
    with reading(bind) as connection:
        lines = connection.execute(_FORECASTS, {"mode": mode, **asked}).scalar_one()
    return lines.split("\n") if events else []


@lru_cache(maxsize=1024)
def _event(series: Series, day: date) -> tuple[str, Extreme, str]:
    """Its ticker, its measure, and the first fields of `EventForecast`, open for the others."""
    ticker = event_ticker(series.ticker, day)
    known = {
        "event_ticker": ticker,
        "city_code": series.city.code,
        "city_name": series.city.name,
        "station": series.city.station,
        "measure": series.extreme,
        "climate_day": day,
        "day_ends": series.city.day_bounds(day)[1],
    }
    return ticker, series.extreme, to_json(known).decode()[:-1]


@cache
def _listed_series() -> tuple[Series, ...]:
    """City by city as in the table of cities, the high first."""
    places = [series.city.code for series in all_series()]
    order = sorted(all_series(), key=lambda one: (places.index(one.city.code), one.extreme is Extreme.LOW))
    return tuple(order)
