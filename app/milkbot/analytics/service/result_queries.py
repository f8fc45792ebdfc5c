"""Reads of how markets came out, held or not. Each is a short walk along an index, whatever is asked for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from milkbot.analytics.service.cursors import MarketsCursor
from milkbot.analytics.service.listed import Listed, Row, decimal, named
from milkbot.analytics.service.market_queries import official
from milkbot.analytics.service.market_schemas import MarketResult, Results
from milkbot.analytics.service.queries import DELAY_MINUTES, MOST_ROWS, as_of_and_mode, measured
from milkbot.db.session import Bind, transaction
from milkbot.domain.cities import all_series, city_of_series

# The view sorts. To sort here would have it planned for all results ever: only the few lists of a city's series are
# merged here, each of which ends at its limit.
_OF_ALL = f"""
    SELECT * FROM analytics.v_public_results WHERE trading_mode = :mode{{after}} LIMIT {MOST_ROWS + 1}
"""  # noqa: S608 - the only thing put in is a constant of ours
_OF_SERIES = f"""
    SELECT shown.* FROM unnest(CAST(:series AS text[])) AS wanted (name)
    CROSS JOIN LATERAL (
        SELECT * FROM analytics.v_public_results
        WHERE trading_mode = :mode AND series = wanted.name{{after}} LIMIT {MOST_ROWS + 1}) AS shown
    ORDER BY climate_day DESC, ticker
"""  # noqa: S608 - the only thing put in is a constant of ours
_AFTER = " AND climate_day <= :day AND (climate_day < :day OR ticker > :ticker)"
_RESULTS = f"""
SELECT ticker, NULL AS measure, strike_type, floor_strike, cap_strike, event_ticker, NULL AS city_code, climate_day,
    result, {decimal(official("expiration_value"), "official_value")}, NULL AS source, settled_at, first_result,
    {decimal(official("first_value"), "first_official_value")}, corrected_at
FROM ({{found}}) AS market LIMIT :limit
"""  # noqa: S608 - the only things put in are constants of ours
_RESULT = tuple(MarketResult.model_fields)


def read_results(bind: Bind, limit: int, city: str | None, after: MarketsCursor | None = None) -> Listed:
    """How markets came out, newest climate day first, of one city or of all, or those that follow a page."""
    found = (_OF_SERIES if city else _OF_ALL).format(after=_AFTER if after else "")
    keys: dict[str, object] = {"limit": limit + 1}
    if city:
        keys["series"] = [series.ticker for series in all_series() if series.city.code == city]
    if after:
        keys |= {"day": after.day, "ticker": after.ticker}
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        rows = session.execute(text(_RESULTS.format(found=found)), {"mode": mode, **keys}).all()
    results = measured([_placed(row) for row in named(_RESULT, rows[:limit])])
    following = str(MarketsCursor(rows[limit - 1].climate_day, rows[limit - 1].ticker)) if len(rows) > limit else None
    return Listed(_head(mode, as_of, following), "results", results)


def _head(mode: str | None, as_of: datetime, following: str | None) -> Results:
    return Results.model_validate(
        {"mode": mode, "as_of": as_of, "delay_minutes": DELAY_MINUTES, "results": [], "next_cursor": following}
    )


def _placed(row: Row) -> Row:
    """The row with its city, and the report that it settles by."""
    try:
        city = city_of_series(row["ticker"].partition("-")[0])
    except KeyError:
        return row  # a release before knew the series
    return {**row, "city_code": city.code, "source": city.climate_report}
