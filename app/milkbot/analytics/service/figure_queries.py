"""Reads of the rollups by day, city and strategy. Each is bounded by the key of its table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import text

from milkbot.analytics.service.figure_schemas import (
    Cities,
    CityResult,
    Execution,
    Strategies,
    StrategyResult,
)
from milkbot.analytics.service.queries import (
    FIRST_DAY,
    FIRST_MONTH,
    as_of_and_mode,
    win_rate,
)
from milkbot.db.session import Bind, reading
from milkbot.domain.cities import cities
from milkbot.domain.units import CASH_STEP

MOST_TRADES = 200
"""Of how many trades the execution is summed up at most."""
_SUMMED = ("trades", "volume", "gross_pnl", "fees", "net_pnl", "wins", "losses", "signals")
_OF_NAME = f"""
    SELECT {", ".join(f"sum({name}) AS {name}" for name in _SUMMED)} FROM (
        SELECT days, {", ".join(_SUMMED)} FROM analytics.result_months
        WHERE trading_mode = :mode AND kind = '{{kind}}' AND name = known.name AND month >= {FIRST_MONTH}
        UNION ALL
        SELECT 1, trade_count, {{volume}}, gross_pnl, fees, net_pnl, win_count, loss_count, {{signals}}
        FROM analytics.{{table}}
        WHERE trading_mode = :mode AND {{table}}.{{name}} = known.name AND date >= {FIRST_DAY} AND date < {FIRST_MONTH}
    ) AS part HAVING sum(days) > 0
"""  # noqa: S608 - the only things put in are constants of ours
_OF_CITY = _OF_NAME.format(kind="city", table="city_metrics_daily", name="city_code", volume="volume", signals="0")
_OF_STRATEGY = _OF_NAME.format(
    kind="strategy", table="strategy_metrics_daily", name="strategy_name", volume="0", signals="signal_count"
)
# Each key begins with mode and name: two short ranges for each.
_CITIES = text(
    f"""
    SELECT known.name AS city_code, total.* FROM unnest(CAST(:cities AS text[])) AS known (name)
    CROSS JOIN LATERAL ({_OF_CITY}) AS total
    """  # noqa: S608 - the only thing put in is a constant of ours
)
# The names one after the other along the key.
_STRATEGIES = text(
    f"""
    WITH RECURSIVE known AS (
        (SELECT min(strategy_name) AS name FROM analytics.strategy_metrics_daily WHERE trading_mode = :mode)
        UNION ALL
        SELECT (SELECT min(strategy_name) FROM analytics.strategy_metrics_daily
                WHERE trading_mode = :mode AND strategy_name > known.name)
        FROM known WHERE known.name IS NOT NULL
    )
    SELECT known.name AS strategy_name, total.* FROM known
    CROSS JOIN LATERAL ({_OF_STRATEGY}) AS total
    ORDER BY known.name
    """  # noqa: S608 - the only thing put in is a constant of ours
)
_EXECUTION = text(
    f"""
    SELECT count(*) AS trades, min(trade_time) AS since, COALESCE(sum(quantity), 0) AS contracts,
        count(*) FILTER (WHERE NOT reduces) AS buys, count(*) FILTER (WHERE reduces) AS sales,
        COALESCE(sum(fees), 0) AS fees, sum(fees) / sum(quantity) AS fee_per_contract,
        sum(markout_5m * quantity) / sum(quantity) FILTER (WHERE markout_5m IS NOT NULL) AS markout_5m,
        sum(markout_30m * quantity) / sum(quantity) FILTER (WHERE markout_30m IS NOT NULL) AS markout_30m,
        count(markout_5m) AS markouts_known
    FROM (SELECT * FROM (
        SELECT trade_time, quantity, fees, reduces, markout_5m, markout_30m FROM analytics.v_public_trades
        WHERE trading_mode = :mode LIMIT {MOST_TRADES}) AS public LIMIT :newest) AS newest
    """  # noqa: S608 - the only thing put in is a constant of ours
)


def read_cities(bind: Bind, days: int) -> Cities:
    """Results by city over the last `days` climate days."""
    names = {city.code: city.name for city in cities()}
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        found = connection.execute(_CITIES, {"mode": mode, "cities": list(names), "days": days}).mappings().all()
    order = list(names)
    rows = sorted(found, key=lambda row: order.index(row["city_code"]))
    results = [
        CityResult.model_validate({**row, "city_name": names[row["city_code"]], "win_rate": win_rate(row)})
        for row in rows
    ]
    return Cities(mode=mode, as_of=as_of, days=days, cities=results)


def read_strategies(bind: Bind, days: int) -> Strategies:
    """Results by strategy over the last `days` climate days."""
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        found = connection.execute(_STRATEGIES, {"mode": mode, "days": days}).mappings().all()
    results = [StrategyResult.model_validate({**row, "win_rate": win_rate(row)}) for row in found]
    return Strategies(mode=mode, as_of=as_of, days=days, strategies=results)


def read_execution(bind: Bind, newest: int) -> Execution:
    """How the newest public trades were executed, so many at most."""
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        row = connection.execute(_EXECUTION, {"mode": mode, "newest": newest}).mappings().one()
    rounded = {name: _rounded(value) for name, value in row.items()}
    return Execution.model_validate({"mode": mode, "as_of": as_of, **rounded})


def _rounded(value: Any) -> Any:
    return value.quantize(CASH_STEP) if isinstance(value, Decimal) else value
