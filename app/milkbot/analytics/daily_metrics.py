"""Daily figures of a city and of a strategy, and the folds of markets, computed anew from the facts of their buckets.

Gross is realized profit without fees, net is gross less fees. A settled market whose result net of fees is above zero
is won, below zero lost. A position's size is what was bought and sold in its market, in contracts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from milkbot.analytics.touched import PUBLIC_CUTOFF, Bucket, Kind

# One walk over the fills, each with its order, which is looked up by its id: a join of a month's fills would read all
# orders there are. A part is what one strategy did in one market; what is said of markets, cities and strategies is
# summed from parts. A settlement belongs to a market, not to a strategy; so each part is given its own result: what the
# bought legs paid. Over a market these add up to the settlement's result and that of the closing fills.
_COMPUTE = """
WITH {keys} part AS MATERIALIZED (
    SELECT trading_mode, city_code, climate_day, ticker, strategy_name, count(*) AS trades, sum(count) AS contracts,
        COALESCE(sum(count) FILTER (WHERE reduce_only), 0) AS sold, sum(signed_count) AS net,
        sum(signed_count * price) AS paid, sum(realized_pnl) AS closed, sum(fee) AS fees,
        min(filled_at) FILTER (WHERE side = 'bid') AS first_bid,
        min(filled_at) FILTER (WHERE side = 'ask') AS first_ask, max(filled_at) AS last_at
    FROM (
        SELECT fact.*, CASE fact.side WHEN 'bid' THEN fact.count ELSE -fact.count END AS signed_count,
            COALESCE(placed.strategy_name, 'unknown') AS strategy_name, placed.reduce_only
        FROM ops.fills AS fact
        LEFT JOIN LATERAL (
            SELECT strategy_name, reduce_only FROM ops.orders WHERE id = fact.order_id LIMIT 1) AS placed ON true
        WHERE {facts} AND fact.filled_at <= {cutoff}
    ) AS fill GROUP BY 1, 2, 3, 4, 5
), settled AS MATERIALIZED (
    SELECT fact.trading_mode, fact.city_code, fact.climate_day, fact.ticker, fact.realized_pnl, fact.yes_value
    FROM ops.settlements AS fact
    WHERE {facts} AND fact.settled_at <= {cutoff}
), traded AS MATERIALIZED (
    SELECT trading_mode, city_code, climate_day, ticker, sum(trades) AS trades, sum(contracts) AS contracts,
        sum(sold) AS sold, sum(net) AS net, sum(paid) AS paid, sum(closed) AS closed, sum(fees) AS fees,
        min(first_bid) AS first_bid, min(first_ask) AS first_ask, max(last_at) AS last_at
    FROM part AS fact WHERE {city} GROUP BY 1, 2, 3, 4
), folds AS (
    INSERT INTO analytics.market_folds (
        trading_mode, ticker, city_code, climate_day, strike_type, floor_strike, cap_strike, trades, contracts, sold,
        net, paid, closed, fees, first_bid, first_ask, last_at, computed_at)
    SELECT trading_mode, ticker, city_code, climate_day, strike.*, trades, contracts, sold, net, paid, closed, fees,
        first_bid, first_ask, last_at, now()
    FROM traded
    LEFT JOIN LATERAL (
        SELECT strike_type, floor_strike, cap_strike FROM ops.market_snapshots AS book
        WHERE book.ticker = traded.ticker AND book.trading_mode = traded.trading_mode
        ORDER BY captured_at LIMIT 1) AS strike ON true
), of_cities AS (
    INSERT INTO analytics.city_metrics_daily (
        trading_mode, city_code, date, trade_count, volume, gross_pnl, net_pnl, fees, win_count, loss_count,
        avg_position_size, max_position_size, computed_at)
    SELECT trading_mode, city_code, climate_day, sum(trades), COALESCE(sum(volume), 0), sum(gross), sum(gross - fees),
        sum(fees), count(*) FILTER (WHERE is_settled AND gross > fees),
        count(*) FILTER (WHERE is_settled AND gross < fees), COALESCE(avg(volume), 0), COALESCE(max(volume), 0), now()
    FROM (
        SELECT trading_mode, city_code, climate_day, COALESCE(trades, 0) AS trades, contracts AS volume,
            COALESCE(fees, 0) AS fees, COALESCE(closed, 0) + COALESCE(realized_pnl, 0) AS gross,
            realized_pnl IS NOT NULL AS is_settled
        FROM traded
        FULL JOIN (SELECT * FROM settled AS fact WHERE {city}) AS settled
            USING (trading_mode, city_code, climate_day, ticker)
    ) AS market GROUP BY 1, 2, 3
    RETURNING 1
), results AS (
    SELECT trading_mode, strategy_name, climate_day, sum(trades) AS trades, sum(gross) AS gross, sum(fees) AS fees,
        count(*) FILTER (WHERE is_settled AND gross > fees) AS wins,
        count(*) FILTER (WHERE is_settled AND gross < fees) AS losses
    FROM (
        SELECT fact.trading_mode, fact.strategy_name, fact.climate_day, trades, fees,
            yes_value IS NOT NULL AS is_settled, COALESCE(net * yes_value - paid, closed) AS gross
        FROM part AS fact LEFT JOIN settled USING (trading_mode, ticker)
        WHERE {strategy}
    ) AS market GROUP BY 1, 2, 3
), decided AS (
    SELECT fact.trading_mode, fact.strategy_name, fact.climate_day, count(*) AS signals,
        avg(fact.edge) FILTER (WHERE fact.count > 0) AS edge
    FROM ops.signals AS fact
    WHERE {facts} AND {strategy} AND fact.created_at <= {cutoff}
    GROUP BY 1, 2, 3
), of_strategies AS (
    INSERT INTO analytics.strategy_metrics_daily (
        trading_mode, strategy_name, date, signal_count, trade_count, gross_pnl, net_pnl, fees, win_count, loss_count,
        avg_edge, computed_at)
    SELECT trading_mode, strategy_name, climate_day, COALESCE(signals, 0), COALESCE(trades, 0), COALESCE(gross, 0),
        COALESCE(gross - fees, 0), COALESCE(fees, 0), COALESCE(wins, 0), COALESCE(losses, 0), edge, now()
    FROM results FULL JOIN decided USING (trading_mode, strategy_name, climate_day)
    RETURNING 1
)
SELECT (SELECT count(*) FROM of_cities) AS cities, (SELECT count(*) FROM of_strategies) AS strategies
"""

# The facts of some buckets: by the index on mode and day, once for each day.
_KEYS = """wanted AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:modes AS text[]), CAST(:kinds AS text[]), CAST(:names AS text[]), CAST(:days AS date[]))
        AS bucket (trading_mode, kind, name, day)
),"""
_WANTED = (
    "(fact.trading_mode, '{kind}', fact.{name}, fact.climate_day) IN (SELECT trading_mode, kind, name, day FROM wanted)"
)
_OF_BUCKETS: Final[Mapping[str, str]] = {
    "keys": _KEYS,
    "facts": "(fact.trading_mode, fact.climate_day) IN (SELECT trading_mode, day FROM wanted)",
    "city": _WANTED.format(kind=Kind.CITY, name="city_code"),
    "strategy": _WANTED.format(kind=Kind.STRATEGY, name="strategy_name"),
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
# What they write, with the columns of the name and the day.
_TABLES: Final = (
    (Kind.CITY, "city_metrics_daily", "city_code", "date"),
    (Kind.CITY, "market_folds", "city_code", "climate_day"),
    (Kind.STRATEGY, "strategy_metrics_daily", "strategy_name", "date"),
)
_FORGET_BUCKETS: Final = [
    text(
        f"WITH {_KEYS.removesuffix(',')} DELETE FROM analytics.{table} AS old USING wanted "  # noqa: S608 - constants
        f"WHERE old.trading_mode = wanted.trading_mode AND wanted.kind = '{kind}' AND old.{name} = wanted.name "
        f"AND old.{day} = wanted.day"
    )
    for kind, table, name, day in _TABLES
]
_FORGET_DAYS: Final = [
    text(f"DELETE FROM analytics.{table} WHERE trading_mode = :mode AND {day} BETWEEN :first AND :last")  # noqa: S608
    for _, table, _, day in _TABLES
]

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


def compute_buckets(session: Session, buckets: Sequence[Bucket]) -> None:
    """Replace the rows of those cities and strategies, and the folds of the cities' markets; a bucket without facts
    leaves none.
    """
    if buckets:
        keys = {
            "modes": [bucket.mode for bucket in buckets],
            "kinds": [bucket.kind for bucket in buckets],
            "names": [bucket.key for bucket in buckets],
            "days": [bucket.day for bucket in buckets],
        }
        _replace(session, _FORGET_BUCKETS, _OF_BUCKETS, keys)


def compute_days(session: Session, mode: str, first: date, last: date) -> tuple[int, int]:
    """Replace all those rows and folds of a mode's days; returns how many rows of cities and strategies there are."""
    return _replace(session, _FORGET_DAYS, _OF_DAYS, {"mode": mode, "first": first, "last": last})


def sum_months(session: Session, mode: str) -> None:
    """Add up a mode's months anew. Reads a row for each city, strategy and day: for a rebuild, not for the timer."""
    session.execute(_FORGET_MONTHS, {"mode": mode})
    session.execute(_SUM_MONTHS, {"mode": mode})


def _replace(
    session: Session, forget: Sequence[TextClause], facts: Mapping[str, str], keys: Mapping[str, object]
) -> tuple[int, int]:
    for statement in forget:
        session.execute(statement, keys)
    done = session.execute(text(_COMPUTE.format_map(facts)), keys).one()
    return done.cities, done.strategies
