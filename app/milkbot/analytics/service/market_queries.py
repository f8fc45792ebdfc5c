"""Reads of the public views of markets and forecasts. Each is a short walk along an index, whatever is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from sqlalchemy import RowMapping, text

from milkbot.analytics.service.cursors import MarketsCursor
from milkbot.analytics.service.market_schemas import Bracket, EventForecast, Market, Markets, Today
from milkbot.analytics.service.queries import DELAY_MINUTES, as_of_and_mode, measure_of
from milkbot.db.session import Bind, transaction
from milkbot.domain.chances import mid
from milkbot.domain.cities import City, Extreme, Series, all_series, series_of
from milkbot.domain.markets import Strike, StrikeType, event_ticker
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import Leg
from milkbot.domain.units import ZERO

_NUMBER = re.compile(r"^-?[0-9]{1,3}(\.[0-9]{1,2})?$")
_MOST_BRACKETS = 50
_DAYS_AHEAD = 1
"""Tomorrow's events are listed the day before."""

# The view sorts. To sort here would have it planned for all markets ever.
_MARKETS = "SELECT * FROM analytics.v_public_markets WHERE trading_mode = :mode{city}{after} LIMIT :limit"
_OF_CITY = " AND city_code = :city"
_AFTER = " AND climate_day <= :day AND (climate_day < :day OR ticker > :ticker)"

# The newest forecast of each event, in all its brackets. Each limit keeps a part apart: it is planned for one event.
_FORECASTS = text(
    """
    SELECT shown.* FROM unnest(CAST(:events AS text[])) AS wanted (event)
    CROSS JOIN LATERAL (
        SELECT as_of FROM analytics.v_public_forecasts
        WHERE trading_mode = :mode AND event_ticker = wanted.event LIMIT 1) AS newest
    CROSS JOIN LATERAL (
        SELECT * FROM analytics.v_public_forecasts AS made
        WHERE made.trading_mode = :mode AND made.event_ticker = wanted.event AND made.as_of = newest.as_of
        LIMIT :most) AS shown
    """
)


def read_markets(bind: Bind, limit: int, city: str | None, after: MarketsCursor | None = None) -> Markets:
    """The markets that were traded, newest climate day first, of one city or of all, or those that follow a page."""
    statement = text(_MARKETS.format(city=_OF_CITY if city else "", after=_AFTER if after else ""))
    keys: dict[str, object] = {"city": city, "limit": limit + 1}
    if after:
        keys |= {"day": after.day, "ticker": after.ticker}
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        found = session.execute(statement, {"mode": mode, **keys}).mappings().all()
    markets = [_market(row) for row in found[:limit]]
    following = str(MarketsCursor(markets[-1].climate_day, markets[-1].ticker)) if len(found) > limit else None
    return Markets(mode=mode, as_of=as_of, delay_minutes=DELAY_MINUTES, markets=markets, next_cursor=following)


def _market(row: RowMapping) -> Market:
    leg, held = _held(row["signed_count"])
    said = row["expiration_value"] or ""
    ours = {
        "official_value": Decimal(said) if _NUMBER.match(said) else None,
        "held_leg": leg,
        "held": held,
        "measure": measure_of(row["ticker"]),
    }
    return Market.model_validate({**row, **ours})


def _held(signed_count: Decimal) -> tuple[Leg | None, Decimal]:
    if not signed_count:
        return None, ZERO
    return (Leg.YES if signed_count > ZERO else Leg.NO), abs(signed_count)


def read_today(bind: Bind, city: str | None) -> Today:
    """The newest public forecast of each event of a climate day that is not over, of one city or of all."""
    wanted = [series for series in all_series() if city in {None, series.city.code}]
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
    events = list(_events(wanted, as_of))
    order = {name: number for number, name in enumerate(events)}
    rows = sorted(newest_forecasts(bind, mode, events), key=lambda row: order[row["event_ticker"]])
    forecasts = [_event(list(group)) for _, group in groupby(rows, key=lambda row: row["event_ticker"])]
    return Today(mode=mode, as_of=as_of, delay_minutes=DELAY_MINUTES, events=forecasts)


def newest_forecasts(bind: Bind, mode: TradingMode | None, events: Sequence[str]) -> Sequence[RowMapping]:
    """The brackets of the newest public forecast of each of these events."""
    keys = {"mode": mode, "events": list(events), "most": _MOST_BRACKETS}
    with transaction(bind) as session:
        return session.execute(_FORECASTS, keys).mappings().all()


def _events(wanted: Iterable[Series], as_of: datetime) -> Iterable[str]:
    """Their events, city by city."""
    for series in sorted(wanted, key=lambda one: (_place_in_table(one.city), one.extreme is Extreme.LOW)):
        today = series.city.climate_day_at(as_of)
        for ahead in range(_DAYS_AHEAD + 1):
            yield event_ticker(series.ticker, today + timedelta(days=ahead))


def _place_in_table(city: City) -> int:
    return [series.city.code for series in all_series()].index(city.code)


def _event(rows: list[RowMapping]) -> EventForecast:
    first = rows[0]
    series = series_of(first["event_ticker"].partition("-")[0])
    is_high = series.extreme is Extreme.HIGH
    return EventForecast.model_validate(
        {
            **first,
            "city_code": series.city.code,
            "city_name": series.city.name,
            "station": series.city.station,
            "measure": series.extreme,
            "day_ends": series.city.day_bounds(first["climate_day"])[1],
            "forecast_f": first["forecast_high_f" if is_high else "forecast_low_f"],
            "observed_f": first["observed_max_f" if is_high else "observed_min_f"],
            "brackets": _brackets(rows),
        }
    )


def _brackets(rows: list[RowMapping]) -> list[Bracket]:
    """From cold to warm."""
    mids = {row["ticker"]: mid(row["yes_bid"], row["yes_ask"]) for row in rows}
    known = [price for price in mids.values() if price is not None]
    total = sum(known, ZERO) if len(known) == len(rows) else ZERO
    return [_bracket(row, mids[row["ticker"]], total) for row in sorted(rows, key=_lower_edge)]


def _bracket(row: RowMapping, price: Decimal | None, total: Decimal) -> Bracket:
    leg, held = _held(row["signed_count"])
    ours = {
        "mid": price,
        "market_probability": round(float(price / total), 6) if price is not None and total else None,
        "held_leg": leg,
        "held": held,
        "measure": measure_of(row["ticker"]),
    }
    return Bracket.model_validate({**row, **ours})


def _lower_edge(row: RowMapping) -> float:
    return Strike(StrikeType(row["strike_type"]), row["floor_strike"], row["cap_strike"]).lower_edge
