"""What the pages show: strikes of trades, markets folded, forecasts, results, and why the trader does not trade.

Every view carries the delay of 60 minutes itself, and sorts by an index itself: a view with a security barrier is
planned on its own. A reader who asks for no order of its own has its limit count within the view as well, so that a
short page is a short walk along the index, whatever is asked for.
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

PUBLIC = "now() - interval '60 minutes'"
MINUTE = "date_bin('1 minute', {}, '2000-01-01 00:00:00+00'::timestamptz)"
FILL_MINUTE = MINUTE.format("filled_at")

PUBLIC_TRADES = f"""
CREATE OR REPLACE VIEW analytics.v_public_trades WITH (security_barrier) AS
SELECT
    fill.trading_mode,
    fill.ticker,
    fill.city_code,
    fill.climate_day,
    CASE fill.side WHEN 'bid' THEN 'yes' ELSE 'no' END AS side,
    'buy' AS action,
    fill.count AS quantity,
    CASE fill.side WHEN 'bid' THEN fill.price ELSE 1 - fill.price END AS price,
    fill.fee AS fees,
    fill.count * CASE fill.side WHEN 'bid' THEN fill.price ELSE 1 - fill.price END + fill.fee AS total_cost,
    fill.count * CASE fill.side WHEN 'bid' THEN settlement.yes_value - fill.price
                                ELSE fill.price - settlement.yes_value END - fill.fee AS realized_pnl,
    {FILL_MINUTE} AS trade_time,
    COALESCE(placed.strategy_name, 'unknown') AS strategy_name,
    COALESCE(placed.reduce_only, false) AS reduces,
    after_5.markout AS markout_5m,
    after_30.markout AS markout_30m{{more_columns}}
FROM ops.fills AS fill
LEFT JOIN ops.orders AS placed ON placed.id = fill.order_id
LEFT JOIN ops.settlements AS settlement
    ON settlement.trading_mode = fill.trading_mode AND settlement.ticker = fill.ticker{{settlement}}
LEFT JOIN ops.fill_markouts AS after_5 ON after_5.horizon_min = 5 AND after_5.fill_id = fill.id
LEFT JOIN ops.fill_markouts AS after_30 ON after_30.horizon_min = 30 AND after_30.fill_id = fill.id
WHERE fill.filled_at <= {PUBLIC}
ORDER BY {FILL_MINUTE} DESC{{order}}
"""  # noqa: S608 - the only things put in are constants of ours

# A strike never changes: the first order book that was read has it. Where no strike is asked for, none is looked up.
FIRST_BOOK = """FROM ops.market_snapshots AS first
    WHERE first.ticker = {0}.ticker AND first.trading_mode = {0}.trading_mode ORDER BY first.captured_at LIMIT 1"""
STRIKE_COLUMNS = "".join(
    f",\n    (SELECT first.{name} {FIRST_BOOK.format('fill')}) AS {name}"
    for name in ("strike_type", "floor_strike", "cap_strike")
)

# The fold of a market's public fills. What belongs to it is looked up for each market: a limit keeps the planner from
# joining all settlements there are. An open position is worth what the best buyer pays: YES its bid, NO what its ask
# leaves of a dollar. Where nobody buys, its worth is unknown.
PUBLIC_MARKETS = f"""
CREATE VIEW analytics.v_public_markets WITH (security_barrier) AS
SELECT
    held.trading_mode,
    held.ticker,
    held.event_ticker,
    held.city_code,
    held.climate_day,
    strike.strike_type,
    strike.floor_strike,
    strike.cap_strike,
    folded.first_leg,
    folded.trades,
    folded.bought,
    folded.sold,
    folded.net AS signed_count,
    folded.outlay + folded.closed AS cost,
    folded.fees,
    {MINUTE.format("folded.first_at")} AS first_trade_time,
    {MINUTE.format("folded.last_at")} AS last_trade_time,
    settlement.ticker IS NULL AND folded.net <> 0 AS is_open,
    settlement.result,
    settlement.yes_value,
    {MINUTE.format("settlement.settled_at")} AS settled_at,
    said.expiration_value,
    folded.closed - folded.fees + CASE
        WHEN settlement.ticker IS NULL THEN 0
        WHEN folded.net >= 0 THEN folded.net * settlement.yes_value - folded.outlay - folded.closed
        ELSE -folded.net * (1 - settlement.yes_value) - folded.outlay - folded.closed END AS realized_pnl,
    CASE
        WHEN settlement.ticker IS NOT NULL OR folded.net = 0 THEN NULL
        WHEN folded.net > 0 THEN folded.net * book.yes_bid - folded.outlay - folded.closed
        ELSE -folded.net * (1 - book.yes_ask) - folded.outlay - folded.closed END AS unrealized_pnl,
    CASE WHEN settlement.ticker IS NULL AND folded.net <> 0
        THEN {MINUTE.format("book.captured_at")} END AS marked_at
FROM ops.positions AS held
CROSS JOIN LATERAL (
    SELECT
        count(*) AS trades,
        (array_agg(CASE fill.side WHEN 'bid' THEN 'yes' ELSE 'no' END ORDER BY fill.filled_at, fill.id))[1]
            AS first_leg,
        COALESCE(sum(fill.count) FILTER (WHERE NOT COALESCE(placed.reduce_only, false)), 0) AS bought,
        COALESCE(sum(fill.count) FILTER (WHERE placed.reduce_only), 0) AS sold,
        sum(CASE fill.side WHEN 'bid' THEN fill.count ELSE -fill.count END) AS net,
        sum(fill.count * CASE fill.side WHEN 'bid' THEN fill.price ELSE 1 - fill.price END)
            - LEAST(COALESCE(sum(fill.count) FILTER (WHERE fill.side = 'bid'), 0),
                    COALESCE(sum(fill.count) FILTER (WHERE fill.side = 'ask'), 0)) AS outlay,
        sum(fill.realized_pnl) AS closed,
        sum(fill.fee) AS fees,
        min(fill.filled_at) AS first_at,
        max(fill.filled_at) AS last_at
    FROM ops.fills AS fill
    LEFT JOIN ops.orders AS placed ON placed.id = fill.order_id
    WHERE fill.trading_mode = held.trading_mode AND fill.ticker = held.ticker AND fill.filled_at <= {PUBLIC}
    HAVING count(*) > 0) AS folded
LEFT JOIN LATERAL (
    SELECT first.strike_type, first.floor_strike, first.cap_strike {FIRST_BOOK.format("held")}) AS strike ON true
LEFT JOIN LATERAL (
    SELECT paid.ticker, paid.result, paid.yes_value, paid.settled_at FROM ops.settlements AS paid
    WHERE paid.trading_mode = held.trading_mode AND paid.ticker = held.ticker AND paid.settled_at <= {PUBLIC}
    LIMIT 1) AS settlement ON true
LEFT JOIN LATERAL (
    SELECT (array_agg(result.expiration_value ORDER BY result.id DESC))[1] AS expiration_value
    FROM ops.market_results AS result
    WHERE result.trading_mode = held.trading_mode AND result.event_ticker = held.event_ticker
      AND result.ticker = held.ticker AND result.recorded_at <= {PUBLIC}) AS said ON true
LEFT JOIN LATERAL (
    SELECT newest.yes_bid, newest.yes_ask, newest.captured_at FROM ops.market_snapshots AS newest
    WHERE newest.ticker = held.ticker AND newest.trading_mode = held.trading_mode AND newest.captured_at <= {PUBLIC}
    ORDER BY newest.captured_at DESC LIMIT 1) AS book ON true
ORDER BY held.climate_day DESC, held.ticker
"""  # noqa: S608 - the only things put in are constants of ours

# One row a bracket of each answer of the live forecaster, with the order book, the weather and the spread that it was
# made from. Without probabilities there is a reason.
PUBLIC_FORECASTS = f"""
CREATE VIEW analytics.v_public_forecasts WITH (security_barrier) AS
SELECT
    made.trading_mode,
    made.event_ticker,
    made.climate_day,
    made.as_of,
    made.forecaster,
    made.version,
    made.reason,
    weather.source AS weather_source,
    weather.issued_at AS forecast_issued_at,
    weather.forecast_high_f,
    weather.forecast_low_f,
    weather.observed_max_f,
    weather.observed_min_f,
    weather.current_f,
    weather.observed_at,
    seen.number AS bracket,
    book.ticker,
    book.strike_type,
    book.floor_strike,
    book.cap_strike,
    book.yes_bid,
    book.yes_ask,
    made.probabilities[seen.number] AS probability,
    decided.forecast_sd_f,
    COALESCE(held.net, 0) AS signed_count
FROM ops.forecasts AS made
JOIN ops.weather_snapshots AS weather ON weather.id = made.weather_snapshot_id
CROSS JOIN LATERAL unnest(made.market_snapshot_ids) WITH ORDINALITY AS seen (id, number)
JOIN ops.market_snapshots AS book ON book.id = seen.id
LEFT JOIN ops.signals AS decided ON decided.tick_id = made.tick_id AND decided.ticker = book.ticker
LEFT JOIN LATERAL (
    SELECT sum(CASE fill.side WHEN 'bid' THEN fill.count ELSE -fill.count END) AS net FROM ops.fills AS fill
    WHERE fill.trading_mode = made.trading_mode AND fill.ticker = book.ticker AND fill.filled_at <= {PUBLIC}
) AS held ON true
WHERE made.is_live AND made.as_of <= {PUBLIC}
ORDER BY made.as_of DESC
"""  # noqa: S608 - the only things put in are constants of ours

# Of all markets of an event, held or not: the newest word of the exchange that is public.
PUBLIC_RESULTS = f"""
CREATE VIEW analytics.v_public_results WITH (security_barrier) AS
SELECT DISTINCT ON (said.trading_mode, said.event_ticker, said.ticker)
    said.trading_mode,
    said.event_ticker,
    said.ticker,
    said.climate_day,
    said.result,
    said.yes_value,
    said.expiration_value,
    {MINUTE.format("said.settled_at")} AS settled_at
FROM ops.market_results AS said
WHERE said.recorded_at <= {PUBLIC}
ORDER BY said.trading_mode, said.event_ticker, said.ticker, said.id DESC
"""  # noqa: S608 - the only things put in are constants of ours

# Who set a hold, and in which words, is private. That a loss limit tripped says something of the last hour's trades.
PLATFORM_STATUS = """
CREATE OR REPLACE VIEW analytics.v_platform_status WITH (security_barrier) AS
SELECT
    tick.trading_mode,
    tick.started_at AS last_tick_started,
    finished.finished_at AS last_tick_finished,
    finished.outcome AS last_tick_outcome,
    COALESCE(trading.state, 'active') AS trading_state,
    trading.until AS trading_state_until,
    (SELECT count(*) FROM ops.positions AS held
     WHERE held.trading_mode = tick.trading_mode AND NOT held.is_closed) AS open_positions{more_columns}
FROM (SELECT mode.trading_mode, newest.started_at
      FROM (VALUES ('shadow'), ('demo'), ('live')) AS mode (trading_mode)
      CROSS JOIN LATERAL (
          SELECT started_at FROM ops.ticks
          WHERE ticks.trading_mode = mode.trading_mode ORDER BY started_at DESC LIMIT 1) AS newest) AS tick
LEFT JOIN LATERAL (
    SELECT done.finished_at, done.outcome FROM ops.ticks AS done
    WHERE done.trading_mode = tick.trading_mode AND done.finished_at IS NOT NULL
    ORDER BY done.started_at DESC LIMIT 1) AS finished ON true
LEFT JOIN LATERAL (
    SELECT latest.state, latest.until{more_of_state} FROM ops.trading_states AS latest
    WHERE latest.trading_mode = tick.trading_mode
    ORDER BY latest.id DESC LIMIT 1) AS trading ON true
"""
REASON_CODE = f""",
    CASE
        WHEN COALESCE(trading.state, 'active') = 'active' THEN NULL
        WHEN trading.set_by LIKE 'breaker %' THEN CASE
            WHEN trading.set_by LIKE '%\\_loss' AND trading.since > {PUBLIC} THEN NULL
            ELSE substr(trading.set_by, length('breaker ') + 1) END
        WHEN trading.set_by = 'reconciliation' THEN trading.set_by
        ELSE 'operator' END AS trading_state_code,
    CASE WHEN COALESCE(trading.state, 'active') <> 'active'
        THEN {MINUTE.format("trading.since")} END AS trading_state_since"""


def upgrade() -> None:
    op.execute(
        PUBLIC_TRADES.format(
            more_columns=STRIKE_COLUMNS, settlement=f" AND settlement.settled_at <= {PUBLIC}", order=", fill.id"
        )
    )
    op.execute(PUBLIC_MARKETS)
    op.execute(PUBLIC_FORECASTS)
    op.execute(PUBLIC_RESULTS)
    op.execute(PLATFORM_STATUS.format(more_columns=REASON_CODE, more_of_state=", latest.since, latest.set_by"))
    for view in ("v_public_markets", "v_public_forecasts", "v_public_results"):
        op.execute(f"GRANT SELECT ON analytics.{view} TO milkbot_api, milkbot_rollups")


def downgrade() -> None:
    for view in ("v_public_results", "v_public_forecasts", "v_public_markets", "v_public_trades", "v_platform_status"):
        op.execute(f"DROP VIEW analytics.{view}")
    op.execute(PLATFORM_STATUS.format(more_columns="", more_of_state=""))
    op.execute(PUBLIC_TRADES.format(more_columns="", settlement="", order=""))
