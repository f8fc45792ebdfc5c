"""A ledger of any size, made by the database itself: the same days over and over, as many as it takes.

A day has ten fills in each of its markets, one order for two fills, and half as many decisions as fills. It is written
without triggers: the chain of order events and the cash counted in passing are not there, and neither the rollups nor
the API reads them. Markouts are there for the newest tenth of the fills, and one order book for each market; of today's
events a forecast, and of 400 days scores.
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import Connection, Engine, text

from milkbot.domain.cities import all_series

FILLS_A_MARKET: Final = 10
BRACKETS: Final = 6
MARKETS: Final = BRACKETS * len(all_series())
FILLS_A_DAY: Final = FILLS_A_MARKET * MARKETS

_MARKETS = """
CREATE TEMP TABLE market AS
SELECT number, series || to_char(day, '-YYMONDD') AS event, city, day, number / CAST(:a_day AS integer) AS day_number,
    upper(series || to_char(day, '-YYMONDD')) || '-B'
        || 50 + 2 * (number % CAST(:brackets AS integer)) || '.5' AS ticker,
    day < (now() - interval '1 day')::date AS is_over, (number * 7) % 6 = 0 AS won
FROM generate_series(0, CAST(:days AS integer) * CAST(:a_day AS integer) - 1) AS number
CROSS JOIN LATERAL (
    SELECT (now()::date - CAST(:days AS integer) + 1 + number / CAST(:a_day AS integer)) AS day) AS of_day
JOIN unnest(CAST(:series AS text[]), CAST(:cities AS text[])) WITH ORDINALITY AS one (series, city, place)
    ON place = 1 + (number % CAST(:a_day AS integer)) / CAST(:brackets AS integer)
"""
_FACTS = (
    """
    INSERT INTO ops.ticks (trading_mode, started_at, finished_at, outcome, release, config_hash)
    SELECT 'demo', at, at, 'completed', 'bench', '0' FROM generate_series(
        now()::date - CAST(:days AS integer) + 1, now(), interval '1 hour') AS at
    """,
    """
    INSERT INTO ops.market_snapshots (trading_mode, tick_id, ticker, event_ticker, city_code, captured_at, status,
        strike_type, floor_strike, cap_strike, close_time, yes_bid, yes_bid_size, yes_ask, yes_ask_size)
    SELECT 'demo', 1, ticker, upper(event), city, day + interval '1 hour', 'active', 'between', 50, 51,
        day + interval '1 day', 0.30, 100, 0.34, 100 FROM market
    """,
    """
    INSERT INTO ops.orders (trading_mode, client_order_id, venue_order_id, ticker, event_ticker, city_code, climate_day,
        strategy_name, side, price, count, time_in_force, exchange_index, attempt, state, created_at, sent_at,
        updated_at)
    SELECT 'demo', 'mb-' || number || '-' || part, 'order-' || number || '-' || part, ticker, upper(event), city, day,
        CASE part % 2 WHEN 0 THEN 'normal' ELSE 'anchored' END, 'bid', 0.30, 10, 'good_till_canceled', 0, 1, 'filled',
        at, at, at
    FROM market CROSS JOIN generate_series(0, CAST(:fills AS integer) / 2 - 1) AS part
    CROSS JOIN LATERAL (SELECT day + part * interval '4 hours' AS at) AS moment
    ORDER BY at
    """,
    """
    INSERT INTO ops.fills (trading_mode, venue_fill_id, venue_order_id, order_id, ticker, event_ticker, city_code,
        climate_day, side, count, price, fee, realized_pnl, is_taker, filled_at, recorded_at)
    SELECT 'demo', 'fill-' || placed.id || '-' || part, placed.venue_order_id, placed.id, placed.ticker,
        placed.event_ticker, placed.city_code, placed.climate_day, 'bid', 5, 0.20 + (placed.id % 30) / 100.0, 0.08, 0,
        true, at, at
    FROM ops.orders AS placed CROSS JOIN generate_series(0, 1) AS part
    CROSS JOIN LATERAL (SELECT placed.created_at + part * interval '2 hours'
        + (placed.id % CAST(:a_day AS integer)) * interval '1 second' AS at) AS moment
    WHERE placed.id > 0 ORDER BY placed.id
    """,
    "DELETE FROM ops.fills WHERE filled_at > now()",
    """
    INSERT INTO ops.signals (trading_mode, tick_id, ticker, event_ticker, city_code, climate_day, strategy_name,
        decision, p_yes, edge, price, count, reasons, created_at)
    SELECT 'demo', 1 + day_number * 24 + part, ticker, upper(event), city, day,
        CASE part % 2 WHEN 0 THEN 'normal' ELSE 'anchored' END, 'buy_yes', 0.4, 0.05, 0.30, part % 2, '{}',
        day + part * interval '2 hours'
    FROM market CROSS JOIN generate_series(0, CAST(:fills AS integer) / 2 - 1) AS part
    """,
    """
    INSERT INTO ops.settlements (trading_mode, ticker, event_ticker, city_code, climate_day, result, yes_value,
        signed_count, cost, revenue, realized_pnl, settled_at, recorded_at)
    SELECT 'demo', ticker, upper(event), city, day, CASE WHEN won THEN 'yes' ELSE 'no' END, won::int, 50, 17,
        50 * won::int, 50 * won::int - 17, day + interval '37 hours', day + interval '37 hours'
    FROM market WHERE is_over
    """,
    """
    INSERT INTO ops.market_results (trading_mode, ticker, event_ticker, climate_day, result, yes_value,
        expiration_value, settled_at, recorded_at)
    SELECT 'demo', ticker, upper(event), day, CASE WHEN won THEN 'yes' ELSE 'no' END, won::int, '51',
        day + interval '37 hours', day + interval '37 hours'
    FROM market WHERE is_over
    """,
    """
    INSERT INTO ops.positions (trading_mode, ticker, event_ticker, city_code, climate_day, signed_count, cost, fees,
        realized_pnl, is_closed, opened_at, updated_at)
    SELECT 'demo', ticker, upper(event), city, day, 50, 17, 0.8, 0, is_over, day, day + interval '20 hours' FROM market
    """,
    """
    INSERT INTO ops.fill_markouts (horizon_min, fill_id, mid, markout, recorded_at)
    SELECT horizon, id, 0.32, 0.02, filled_at + interval '1 hour' FROM ops.fills
    CROSS JOIN (VALUES (5), (30)) AS of (horizon) WHERE id > (SELECT max(id) FROM ops.fills) * 0.9
    """,
    """
    INSERT INTO analytics.score_marks (trading_mode, result_id)
    SELECT 'demo', max(id) FROM ops.market_results HAVING count(*) > 0
    """,
)
# What the newest forecasts were, two hours ago, and two forecasters' scores of as long as may be asked for. A rebuild
# would take away scores that no forecast stands behind.
_FORECASTS = (
    """
    INSERT INTO ops.weather_snapshots (trading_mode, tick_id, city_code, climate_day, captured_at, source,
        forecast_high_f, forecast_low_f)
    SELECT 'demo', 1, city, now()::date, now() - interval '2 hours', 'NWS', 51, 41
    FROM unnest(CAST(:cities AS text[])) AS city GROUP BY city
    """,
    """
    INSERT INTO ops.forecasts (trading_mode, tick_id, event_ticker, climate_day, forecaster, is_live, version,
        parameters_hash, as_of, lead_s, probabilities, elapsed_ms, weather_snapshot_id, market_snapshot_ids)
    SELECT 'demo', 1, book.event_ticker, now()::date, 'normal', true, '1', 'bench', now() - interval '2 hours', 1,
        array_fill(1 / 6.0::float8, ARRAY[count(*)::int]), 1, min(seen.id), array_agg(book.id ORDER BY book.ticker)
    FROM ops.market_snapshots AS book JOIN ops.weather_snapshots AS seen ON seen.city_code = book.city_code
    WHERE book.captured_at >= now()::date GROUP BY book.event_ticker
    """,
    """
    INSERT INTO analytics.forecast_scores (trading_mode, climate_day, event_ticker, lead, forecaster, version,
        parameters_hash, as_of, brier, log, rps, market_brier, market_log, market_rps, gain, least, most, computed_at,
        chances, market_chances, winner, city_code)
    SELECT 'demo', now()::date - ago, series || ago, lead, forecaster, '1', 'bench', now() - interval '1 day' * ago,
        0.7, 1.2, 0.1, 0.6, 1.1, 0.1, -0.1, -0.2, 0.2, now(), ARRAY[0.05, 0.15, 0.25, 0.35, 0.15, 0.05],
        ARRAY[0.05, 0.1, 0.2, 0.45, 0.15, 0.05], ago % 6, city
    FROM unnest(CAST(:series AS text[]), CAST(:cities AS text[])) AS one (series, city)
    CROSS JOIN generate_series(2, 401) AS ago CROSS JOIN unnest(ARRAY['prev18', 'day07', 'day10', 'day13']) AS lead
    CROSS JOIN unnest(ARRAY['normal', 'market']) AS forecaster
    """,
    "ANALYZE",
)
_INDEXES = text(
    """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made FROM pg_index
    JOIN pg_class ON pg_class.oid = indrelid
    WHERE relnamespace = 'ops'::regnamespace AND NOT indisunique
      AND relname IN ('fills', 'orders', 'signals', 'settlements', 'positions', 'market_snapshots', 'market_results')
    """
)
_ONE_FILL = text(
    """
    WITH filled AS (
        INSERT INTO ops.fills (trading_mode, venue_fill_id, venue_order_id, order_id, ticker, event_ticker, city_code,
            climate_day, side, count, price, fee, realized_pnl, is_taker, filled_at, recorded_at)
        SELECT trading_mode, 'one-' || :number, venue_order_id, order_id, ticker, event_ticker, city_code, climate_day,
            side, count, price, fee, realized_pnl, is_taker, now() - interval '70 minutes', now()
        FROM ops.fills WHERE trading_mode = 'demo' AND filled_at < now() - interval '70 minutes'
        ORDER BY filled_at DESC LIMIT 1
        RETURNING *
    )
    INSERT INTO ops.rollup_touched (trading_mode, bucket, key, day)
    SELECT filled.trading_mode, one.kind, one.name, one.day FROM filled
    JOIN ops.orders AS placed ON placed.id = filled.order_id
    CROSS JOIN LATERAL (VALUES
        ('city', filled.city_code, filled.climate_day), ('strategy', placed.strategy_name, filled.climate_day),
        ('strategy', 'unknown', filled.climate_day), ('equity', '', CAST(filled_at AS date))) AS one (kind, name, day)
    """
)


def make(admin: Engine, fills: int) -> int:
    """Fill an empty migrated database with at least that many fills; `admin` is a superuser's. Returns how many."""
    series = all_series()
    given = {
        # Of today only what has happened.
        "days": max(4, 1 - (-fills // FILLS_A_DAY)),
        "a_day": MARKETS,
        "brackets": BRACKETS,
        "fills": FILLS_A_MARKET,
        "series": [one.ticker for one in series],
        "cities": [one.city.code for one in series],
    }
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in ("session_replication_role = replica", "maintenance_work_mem = '1GB'", "work_mem = '256MB'"):
            connection.execute(text(f"SET {setting}"))
        indexes = connection.execute(_INDEXES).all()
        for index in indexes:
            connection.execute(text(f"DROP INDEX {index.name}"))
        connection.execute(text(_MARKETS), given)
        for statement in _FACTS:
            if _is_known(connection, statement):
                connection.execute(text(statement), given)
        for index in indexes:
            connection.execute(text(index.made))
        connection.execute(text("VACUUM ANALYZE"))
        return _count(connection)


def add_forecasts(admin: Engine) -> None:
    """Store forecasts and their scores, for what is read of them."""
    series = all_series()
    given = {"series": [one.ticker for one in series], "cities": [one.city.code for one in series]}
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # The sums of scores are a trigger's, and this may be the connection that made the ledger.
        connection.execute(text("SET session_replication_role = origin"))
        for statement in _FORECASTS:
            connection.execute(text(statement), given)


def one_fill(owner: Engine, number: int) -> None:
    """Store one fill that is public already, and the keys that it touches."""
    with owner.begin() as connection:
        connection.execute(_ONE_FILL, {"number": number})


def _is_known(connection: Connection, statement: str) -> bool:
    """Whether the statement's table is there: a release before has fewer."""
    table = re.search(r"(?:INTO|FROM) (\w+\.\w+)", statement)
    return table is not None and connection.scalar(text("SELECT to_regclass(:name)"), {"name": table[1]}) is not None


def _count(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT count(*) FROM ops.fills")) or 0)
