"""Reads of how markets came out, held or not. Each is a short walk along an index, whatever is asked for."""

from __future__ import annotations

from functools import cache

from sqlalchemy import TextClause

from milkbot.analytics.service.cursors import MarketsCursor
from milkbot.analytics.service.listed import STRIKING, Listed, by_series, code, decimal, json_row, moment, words
from milkbot.analytics.service.market_queries import cursor_after, official
from milkbot.analytics.service.market_schemas import MarketResult, Results
from milkbot.analytics.service.queries import DELAY_MINUTES, MOST_ROWS, listing, read_list
from milkbot.db.session import Bind
from milkbot.domain.cities import all_series

# The view sorts. To sort here would have it planned for all results ever: only the few lists of a city's series are
# merged here, each of which ends at its limit.
_OF_ALL = f"""
    SELECT * FROM analytics.v_public_results WHERE trading_mode = :mode{{after}} LIMIT {MOST_ROWS + 1}
"""  # noqa: S608 - the only thing put in is a constant of ours
_OF_SERIES = f"""
    SELECT shown.* FROM unnest(CAST(:series AS text[])) AS wanted (name)
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT * FROM analytics.v_public_results
            WHERE trading_mode = :mode AND series = wanted.name{{after}} LIMIT {MOST_ROWS + 1}) AS newest
        LIMIT :limit) AS shown
    ORDER BY climate_day DESC, ticker
"""  # noqa: S608 - the only thing put in is a constant of ours
_AFTER = " AND climate_day <= :day AND (climate_day < :day OR ticker > :ticker)"
_CITIES = {series.ticker: series.city.code for series in all_series()}
_SOURCES = {series.ticker: series.city.climate_report for series in all_series()}
_RESULT = {
    **STRIKING,
    "event_ticker": words("event_ticker"),
    "city_code": by_series("ticker", _CITIES),
    "climate_day": code("climate_day"),
    "result": words("result"),
    "official_value": decimal("official_value"),
    "source": by_series("ticker", _SOURCES),
    "settled_at": moment("settled_at"),
    "first_result": words("first_result"),
    "first_official_value": decimal("first_official_value"),
    "corrected_at": moment("corrected_at"),
}
_RESULTS = f"""
SELECT {json_row({name: _RESULT[name] for name in MarketResult.model_fields})}
FROM (
    SELECT *, {official("expiration_value")} AS official_value, {official("first_value")} AS first_official_value
    FROM (%(found)s) AS found LIMIT :limit
) AS market
"""  # noqa: S608 - the only things put in are constants of ours


def read_results(bind: Bind, limit: int, city: str | None, after: MarketsCursor | None = None) -> Listed:
    """How markets came out, newest climate day first, of one city or of all, or those that follow a page."""
    keys: dict[str, object] = {"limit": limit + 1}
    if city:
        keys["series"] = [series.ticker for series in all_series() if series.city.code == city]
    if after:
        keys |= {"day": after.day, "ticker": after.ticker}
    as_of, mode, rows = read_list(bind, _results(of_city=city is not None, follows=after is not None), keys)
    following = str(cursor_after(rows[limit - 1])) if len(rows) > limit else None
    head = Results(mode=mode, as_of=as_of, delay_minutes=DELAY_MINUTES, results=[], next_cursor=following)
    return Listed(head, "results", rows[:limit])


@cache
def _results(*, of_city: bool, follows: bool) -> TextClause:
    found = (_OF_SERIES if of_city else _OF_ALL).format(after=_AFTER if follows else "")
    return listing(_RESULTS % {"found": found})
