"""Results of all markets, held or not, newest day first: with their series, strike, and what the exchange corrected."""

from __future__ import annotations

from alembic import op

from milkbot.db.revisions import build_indexes, drop_indexes, earlier

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# The views as they are before this revision.
BEFORE = earlier(__file__, "0019_public_facts")
PUBLIC, MINUTE = BEFORE["PUBLIC"], BEFORE["MINUTE"]
SERIES = "split_part({}event_ticker, '-', 1)"
INDEXES = {
    "ix_market_results_mode_newest": "market_results (trading_mode, climate_day DESC, ticker)",
    "ix_market_results_mode_series_newest": (
        f"market_results (trading_mode, {SERIES.format('')}, climate_day DESC, ticker)"
    ),
}

# Of all markets of an event, held or not: the newest public word of the exchange. What was said of a market is looked
# up for each: an aggregate keeps the planner from joining all there are. No public word is newer than the newest;
# asked for by equality, the planner would take nearly all rows for dropped, and read and sort them all.
PUBLIC_RESULTS = f"""
CREATE OR REPLACE VIEW analytics.v_public_results WITH (security_barrier) AS
SELECT
    said.trading_mode,
    said.event_ticker,
    said.ticker,
    said.climate_day,
    said.result,
    said.yes_value,
    said.expiration_value,
    {MINUTE.format("said.settled_at")} AS settled_at,
    {SERIES.format("said.")} AS series,
    strike.strike_type,
    strike.floor_strike,
    strike.cap_strike,
    CASE WHEN words.number > 1 THEN words.first_result END AS first_result,
    CASE WHEN words.number > 1 THEN words.first_value END AS first_value,
    CASE WHEN words.number > 1 THEN {MINUTE.format("said.recorded_at")} END AS corrected_at
FROM ops.market_results AS said
CROSS JOIN LATERAL (
    SELECT count(*) AS number, max(one.id) AS newest, (array_agg(one.result ORDER BY one.id))[1] AS first_result,
        (array_agg(one.expiration_value ORDER BY one.id))[1] AS first_value
    FROM ops.market_results AS one
    WHERE one.trading_mode = said.trading_mode AND one.climate_day = said.climate_day AND one.ticker = said.ticker
      AND one.recorded_at <= {PUBLIC}) AS words
LEFT JOIN LATERAL (
    SELECT first.strike_type, first.floor_strike, first.cap_strike FROM ops.market_snapshots AS first
    WHERE first.ticker = said.ticker AND first.trading_mode = said.trading_mode
    ORDER BY first.captured_at LIMIT 1) AS strike ON true
WHERE said.id >= words.newest AND said.recorded_at <= {PUBLIC}
ORDER BY said.climate_day DESC, said.ticker
"""  # noqa: S608 - the only things put in are constants of ours


def upgrade() -> None:
    op.execute(PUBLIC_RESULTS)
    build_indexes(INDEXES)


def downgrade() -> None:
    op.execute("DROP VIEW analytics.v_public_results")
    op.execute(BEFORE["PUBLIC_RESULTS"])
    op.execute("GRANT SELECT ON analytics.v_public_results TO milkbot_api, milkbot_rollups")
    drop_indexes(INDEXES)
