"""Daily figures of a city and of a strategy, computed anew from the facts of their buckets.

Gross is realized profit without fees, net is gross less fees. A settled market whose result net of fees is above zero
is won, below zero lost. A position's size is what was bought and sold in its market, in contracts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from milkbot.analytics.touched import PUBLIC_CUTOFF, Bucket

_CITY = """
WITH {keys} traded AS (
    SELECT fact.trading_mode, fact.city_code AS name, fact.climate_day AS day, fact.ticker, count(*) AS trades,
        sum(fact.count) AS volume, sum(fact.fee) AS fees, sum(fact.realized_pnl) AS closed
    FROM ops.fills AS fact
    WHERE {facts} AND {city} AND fact.filled_at <= {cutoff}
    GROUP BY fact.trading_mode, fact.city_code, fact.climate_day, fact.ticker
), settled AS (
    SELECT fact.trading_mode, fact.city_code AS name, fact.climate_day AS day, fact.ticker, fact.realized_pnl
    FROM ops.settlements AS fact
    WHERE {facts} AND {city} AND fact.settled_at <= {cutoff}
), market AS (
    SELECT trading_mode, name, day, COALESCE(trades, 0) AS trades, volume, COALESCE(fees, 0) AS fees,
        COALESCE(closed, 0) + COALESCE(realized_pnl, 0) AS gross, realized_pnl IS NOT NULL AS is_settled
    FROM traded FULL JOIN settled USING (trading_mode, name, day, ticker)
)
INSERT INTO analytics.city_metrics_daily (
    trading_mode, city_code, date, trade_count, volume, gross_pnl, net_pnl, fees, win_count, loss_count,
    avg_position_size, max_position_size, computed_at)
SELECT trading_mode, name, day, sum(trades), COALESCE(sum(volume), 0), sum(gross), sum(gross - fees), sum(fees),
    count(*) FILTER (WHERE is_settled AND gross > fees), count(*) FILTER (WHERE is_settled AND gross < fees),
    COALESCE(avg(volume), 0), COALESCE(max(volume), 0), now()
FROM market GROUP BY trading_mode, name, day
"""

# A settlement belongs to a market, not to a strategy; so each fill is given its own result: what the bought leg paid.
# Over a market these add up to the settlement's result and that of the closing fills. Each order is looked up by its
# id: a join of a month's fills would read all orders there are.
_STRATEGY = """
WITH {keys} fact AS MATERIALIZED (
    SELECT trading_mode, climate_day, ticker, side, count, price, fee, realized_pnl,
        COALESCE((SELECT strategy_name FROM ops.orders WHERE id = fact.order_id), 'unknown') AS strategy_name
    FROM ops.fills AS fact WHERE {facts} AND fact.filled_at <= {cutoff}
), settled AS (
    SELECT fact.trading_mode, fact.ticker, fact.yes_value FROM ops.settlements AS fact
    WHERE {facts} AND fact.settled_at <= {cutoff}
), market AS (
    SELECT fact.trading_mode, fact.strategy_name AS name, fact.climate_day AS day, fact.ticker,
        count(*) AS trades, sum(fact.fee) AS fees, bool_or(settled.ticker IS NOT NULL) AS is_settled,
        sum(CASE
            WHEN settled.ticker IS NULL THEN fact.realized_pnl
            WHEN fact.side = 'bid' THEN fact.count * (settled.yes_value - fact.price)
            ELSE fact.count * (fact.price - settled.yes_value) END) AS gross
    FROM fact
    LEFT JOIN settled ON settled.trading_mode = fact.trading_mode AND settled.ticker = fact.ticker
    WHERE {strategy}
    GROUP BY 1, 2, 3, 4
), traded AS (
    SELECT trading_mode, name, day, sum(trades) AS trades, sum(gross) AS gross, sum(fees) AS fees,
        count(*) FILTER (WHERE is_settled AND gross > fees) AS wins,
        count(*) FILTER (WHERE is_settled AND gross < fees) AS losses
    FROM market GROUP BY trading_mode, name, day
), decided AS (
    SELECT fact.trading_mode, fact.strategy_name AS name, fact.climate_day AS day, count(*) AS signals,
        avg(fact.edge) FILTER (WHERE fact.count > 0) AS edge
    FROM ops.signals AS fact
    WHERE {facts} AND {strategy} AND fact.created_at <= {cutoff}
    GROUP BY 1, 2, 3
)
INSERT INTO analytics.strategy_metrics_daily (
    trading_mode, strategy_name, date, signal_count, trade_count, gross_pnl, net_pnl, fees, win_count, loss_count,
    avg_edge, computed_at)
SELECT trading_mode, name, day, COALESCE(signals, 0), COALESCE(trades, 0), COALESCE(gross, 0),
    COALESCE(gross - fees, 0), COALESCE(fees, 0), COALESCE(wins, 0), COALESCE(losses, 0), edge, now()
FROM traded FULL JOIN decided USING (trading_mode, name, day)
"""

_KEYS = """wanted AS (
    SELECT * FROM unnest(CAST(:modes AS text[]), CAST(:names AS text[]), CAST(:days AS date[]))
        AS bucket (trading_mode, name, day)
),"""
_WANTED = "(fact.trading_mode, {name}, fact.climate_day) IN (SELECT trading_mode, name, day FROM wanted)"

# The facts of some buckets: by the index on mode and day, once for each day.
_OF_BUCKETS: Final[Mapping[str, str]] = {
    "keys": _KEYS,
    "facts": "(fact.trading_mode, fact.climate_day) IN (SELECT trading_mode, day FROM wanted)",
    "city": _WANTED.format(name="fact.city_code"),
    "strategy": _WANTED.format(name="fact.strategy_name"),
    "cutoff": PUBLIC_CUTOFF,
}
# All facts of a mode between two days.
_OF_DAYS: Final[Mapping[str, str]] = {
    "keys": "",
    "facts": "fact.trading_mode = :mode AND fact.climate_day BETWEEN :first AND :last",
    "city": "true",
    "strategy": "true",
    "cutoff": PUBLIC_CUTOFF,
}
_OLD_OF_BUCKETS = f"""
WITH {_KEYS.removesuffix(",")}
DELETE FROM analytics.{{table}} AS old USING wanted
WHERE old.trading_mode = wanted.trading_mode AND old.{{name}} = wanted.name AND old.date = wanted.day
"""  # noqa: S608 - the only thing put in is a constant of ours
_OLD_OF_DAYS = "DELETE FROM analytics.{table} WHERE trading_mode = :mode AND date BETWEEN :first AND :last"


@dataclass(frozen=True, slots=True)
class _Rollup:
    table: str
    name: str
    insert: str


# A trigger adds to these sums; a rebuild makes them anew.
_FORGET_MONTHS = text("DELETE FROM analytics.result_months WHERE trading_mode = :mode")
_SUM_MONTHS = text(
    """
    INSERT INTO analytics.result_months (
        trading_mode, kind, name, month, days, signals, trades, volume, gross_pnl, fees, net_pnl, wins, losses)
    SELECT :mode, kind, name, CAST(date_trunc('month', date) AS date), count(*), sum(signals), sum(trade_count),
        sum(volume), sum(gross_pnl), sum(fees), sum(net_pnl), sum(win_count), sum(loss_count)
    FROM (
        SELECT trading_mode, 'city' AS kind, city_code AS name, date, 0 AS signals, trade_count, volume, gross_pnl,
            fees, net_pnl, win_count, loss_count FROM analytics.city_metrics_daily
        UNION ALL
        SELECT trading_mode, 'strategy', strategy_name, date, signal_count, trade_count, 0, gross_pnl, fees, net_pnl,
            win_count, loss_count FROM analytics.strategy_metrics_daily
    ) AS daily WHERE trading_mode = :mode GROUP BY 2, 3, 4
    """
)

_CITIES: Final = _Rollup("city_metrics_daily", "city_code", _CITY)
_STRATEGIES: Final = _Rollup("strategy_metrics_daily", "strategy_name", _STRATEGY)


def compute_cities(session: Session, buckets: Sequence[Bucket]) -> None:
    """Replace those city rows; a bucket without facts leaves none."""
    _replace_buckets(session, _CITIES, buckets)


def compute_strategies(session: Session, buckets: Sequence[Bucket]) -> None:
    """Replace those strategy rows; a bucket without facts leaves none."""
    _replace_buckets(session, _STRATEGIES, buckets)


def compute_days(session: Session, mode: str, first: date, last: date) -> tuple[int, int]:
    """Replace all city rows and strategy rows of a mode's days; returns how many of each there are now."""
    days = {"mode": mode, "first": first, "last": last}
    cities, strategies = (_replace(session, one, _OLD_OF_DAYS, _OF_DAYS, days) for one in (_CITIES, _STRATEGIES))
    return cities, strategies


def sum_months(session: Session, mode: str) -> None:
    """Add up a mode's months anew. Reads a row for each city, strategy and day: for a rebuild, not for the timer."""
    session.execute(_FORGET_MONTHS, {"mode": mode})
    session.execute(_SUM_MONTHS, {"mode": mode})


def _replace_buckets(session: Session, rollup: _Rollup, buckets: Sequence[Bucket]) -> None:
    if buckets:
        keys = {
            "modes": [bucket.mode for bucket in buckets],
            "names": [bucket.key for bucket in buckets],
            "days": [bucket.day for bucket in buckets],
        }
        _replace(session, rollup, _OLD_OF_BUCKETS, _OF_BUCKETS, keys)


def _replace(session: Session, rollup: _Rollup, old: str, facts: Mapping[str, str], keys: Mapping[str, object]) -> int:
    session.execute(text(old.format(table=rollup.table, name=rollup.name)), keys)
    done = session.execute(text(rollup.insert.format_map(facts)), keys)
    return done.rowcount if isinstance(done, CursorResult) else 0
