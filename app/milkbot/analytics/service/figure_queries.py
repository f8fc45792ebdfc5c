"""Reads of the rollups by day, city and strategy. Each is bounded by the key of its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import RowMapping, text

from milkbot.analytics.service.figure_schemas import (
    Cities,
    CityResult,
    Daily,
    DailyResult,
    Drawdown,
    DrawdownPoint,
    Execution,
    Strategies,
    StrategyResult,
    Summary,
)
from milkbot.analytics.service.market_queries import read_today
from milkbot.analytics.service.queries import (
    MOST_DAYS,
    RUNS,
    as_of_and_mode,
    read_equity,
    read_hero,
    read_platform,
    read_trades,
    win_rate,
)
from milkbot.db.session import Bind, transaction
from milkbot.domain.cities import cities
from milkbot.domain.units import CASH_STEP, ZERO

SUMMARY_TRADES = 20

_RESULTS = text(
    """
    SELECT date, daily_pnl AS pnl FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date > CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS integer)
    ORDER BY date
    """
)
_WORST = text(
    """
    SELECT date, drawdown, drawdown_pct, high_water_mark FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date > CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS integer)
    ORDER BY drawdown_pct DESC, date LIMIT 1
    """
)
# The key begins with mode and city: one short range for each.
_CITIES = text(
    """
    SELECT known.city_code, daily.* FROM unnest(CAST(:cities AS text[])) AS known (city_code)
    CROSS JOIN LATERAL (
        SELECT sum(trade_count) AS trades, sum(volume) AS volume, sum(gross_pnl) AS gross_pnl, sum(fees) AS fees,
            sum(net_pnl) AS net_pnl, sum(win_count) AS wins, sum(loss_count) AS losses
        FROM analytics.city_metrics_daily
        WHERE trading_mode = :mode AND city_metrics_daily.city_code = known.city_code
          AND date > CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS integer)
        HAVING count(*) > 0) AS daily
    """
)
# The names one after the other along the key, then one short range for each.
_STRATEGIES = text(
    """
    WITH RECURSIVE known AS (
        (SELECT min(strategy_name) AS name FROM analytics.strategy_metrics_daily WHERE trading_mode = :mode)
        UNION ALL
        SELECT (SELECT min(strategy_name) FROM analytics.strategy_metrics_daily
                WHERE trading_mode = :mode AND strategy_name > known.name)
        FROM known WHERE known.name IS NOT NULL
    )
    SELECT known.name AS strategy_name, daily.* FROM known
    CROSS JOIN LATERAL (
        SELECT sum(signal_count) AS signals, sum(trade_count) AS trades, sum(gross_pnl) AS gross_pnl,
            sum(fees) AS fees, sum(net_pnl) AS net_pnl, sum(win_count) AS wins, sum(loss_count) AS losses
        FROM analytics.strategy_metrics_daily
        WHERE trading_mode = :mode AND strategy_metrics_daily.strategy_name = known.name
          AND date > CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS integer)
        HAVING count(*) > 0) AS daily
    ORDER BY known.name
    """
)
_EXECUTION = text(
    """
    SELECT count(*) AS trades, min(trade_time) AS since, COALESCE(sum(quantity), 0) AS contracts,
        count(*) FILTER (WHERE NOT reduces) AS buys, count(*) FILTER (WHERE reduces) AS sales,
        COALESCE(sum(fees), 0) AS fees, sum(fees) / sum(quantity) AS fee_per_contract,
        sum(markout_5m * quantity) / sum(quantity) FILTER (WHERE markout_5m IS NOT NULL) AS markout_5m,
        sum(markout_30m * quantity) / sum(quantity) FILTER (WHERE markout_30m IS NOT NULL) AS markout_30m,
        count(markout_5m) AS markouts_known
    FROM (
        SELECT trade_time, quantity, fees, reduces, markout_5m, markout_30m FROM analytics.v_public_trades
        WHERE trading_mode = :mode LIMIT :newest) AS newest
    """
)


def read_drawdown(bind: Bind, days: int) -> Drawdown:
    """The drawdown by day over the last `days` UTC days, and the deepest of them."""
    curve = read_equity(bind, days)
    with transaction(bind) as session:
        worst = session.execute(_WORST, {"mode": curve.mode, "days": days}).one_or_none()
    return Drawdown(
        mode=curve.mode,
        as_of=curve.as_of,
        worst=None if worst is None else DrawdownPoint.model_validate(worst),
        points=[DrawdownPoint.model_validate(point) for point in curve.points],
    )


def read_daily(bind: Bind, days: int) -> Daily:
    """The results of the last `days` UTC days, by day or by run of days."""
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        found = session.execute(_RESULTS, {"mode": mode, "days": days}).mappings().all()
    return Daily(mode=mode, as_of=as_of, results=[_run(rows) for rows in _runs(found)])


def _runs(rows: Sequence[RowMapping]) -> Iterable[Sequence[RowMapping]]:
    """Days alone while a chart can show them, else as many runs as it can."""
    count = len(rows) if len(rows) <= MOST_DAYS else RUNS
    bounds = [len(rows) * number // count for number in range(count + 1)] if count else []
    return [rows[start:end] for start, end in pairwise(bounds)]


def _run(rows: Sequence[RowMapping]) -> DailyResult:
    return DailyResult(date=rows[0]["date"], last_date=rows[-1]["date"], pnl=sum((row["pnl"] for row in rows), ZERO))


def read_cities(bind: Bind, days: int) -> Cities:
    """Results by city over the last `days` climate days."""
    names = {city.code: city.name for city in cities()}
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        found = session.execute(_CITIES, {"mode": mode, "cities": list(names), "days": days}).mappings().all()
    order = list(names)
    rows = sorted(found, key=lambda row: order.index(row["city_code"]))
    results = [
        CityResult.model_validate({**row, "city_name": names[row["city_code"]], "win_rate": win_rate(row)})
        for row in rows
    ]
    return Cities(mode=mode, as_of=as_of, days=days, cities=results)


def read_strategies(bind: Bind, days: int) -> Strategies:
    """Results by strategy over the last `days` climate days."""
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        found = session.execute(_STRATEGIES, {"mode": mode, "days": days}).mappings().all()
    results = [StrategyResult.model_validate({**row, "win_rate": win_rate(row)}) for row in found]
    return Strategies(mode=mode, as_of=as_of, days=days, strategies=results)


def read_execution(bind: Bind, newest: int) -> Execution:
    """How the newest public trades were executed, so many at most."""
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        row = session.execute(_EXECUTION, {"mode": mode, "newest": newest}).mappings().one()
    rounded = {name: _rounded(value) for name, value in row.items()}
    return Execution.model_validate({"mode": mode, "as_of": as_of, **rounded})


def _rounded(value: Any) -> Any:
    return value.quantize(CASH_STEP) if isinstance(value, Decimal) else value


def read_summary(bind: Bind, days: int, city: str | None) -> Summary:
    """What the front page shows: of all cities, its trades and forecasts of one where one is named."""
    return Summary(
        status=read_platform(bind),
        hero=read_hero(bind),
        equity=read_equity(bind, days),
        today=read_today(bind, city),
        trades=read_trades(bind, SUMMARY_TRADES, city),
    )
