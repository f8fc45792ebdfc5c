"""A row for each market with its fills folded, so that a reader folds only what came since.

The rollups write it together with the row of the city's day. The release before writes that row alone: then a trigger
takes the folds of the day away, and the view folds all fills itself, as it does where a market has no row yet.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from milkbot.db.revisions import earlier

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

CASH = sa.Numeric(precision=18, scale=6)
COUNT = sa.Numeric(precision=18, scale=2)
# A count times a price.
PAID = sa.Numeric(precision=28, scale=8)
# The views as they are before this revision.
BEFORE = earlier(__file__, "0019_public_facts")
PUBLIC, MINUTE, FIRST_BOOK = BEFORE["PUBLIC"], BEFORE["MINUTE"], BEFORE["FIRST_BOOK"]

# What this transaction computed stays.
FORGET_FOLDS = """
CREATE FUNCTION analytics.forget_folds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM analytics.market_folds AS fold USING added
    WHERE fold.trading_mode = added.trading_mode AND fold.city_code = added.city_code
      AND fold.climate_day = added.date AND fold.computed_at < now();
    RETURN NULL;
END $$
"""


def strike(of: str) -> str:
    """The columns of a market's strike: the fold's, or else the first order book's."""
    return ",\n    ".join(
        f"CASE WHEN kept.strike_type IS NULL THEN (SELECT first.{name} {FIRST_BOOK.format(of)}) "
        f"ELSE CAST(kept.{name} AS {kind}) END AS {name}"
        for name, kind in (("strike_type", "text"), ("floor_strike", "integer"), ("cap_strike", "integer"))
    )


def kept_with(of: str) -> str:
    return (
        "LEFT JOIN analytics.market_folds AS kept "
        f"ON kept.trading_mode = {of}.trading_mode AND kept.ticker = {of}.ticker AND kept.last_at <= {PUBLIC}"
    )


def total(kept: str, since: str) -> str:
    """What the fold has, and what the fills after it add."""
    return f"COALESCE(kept.{kept}, 0) + COALESCE(sum({since}), 0)"


SIGNED = "CASE fill.side WHEN 'bid' THEN fill.count ELSE -fill.count END"
# An open position is worth what the best buyer pays: YES its bid, NO what its ask leaves of a dollar. Where nobody
# buys, its worth is unknown. `paid` is what YES cost less what NO, which is YES sold, brought; a NO costs the rest of
# its dollar.
PUBLIC_MARKETS = f"""
CREATE OR REPLACE VIEW analytics.v_public_markets WITH (security_barrier) AS
SELECT
    held.trading_mode,
    held.ticker,
    held.event_ticker,
    held.city_code,
    held.climate_day,
    {strike("held")},
    CASE WHEN folded.first_ask IS NULL OR folded.first_bid <= folded.first_ask THEN 'yes' ELSE 'no' END AS first_leg,
    folded.trades,
    folded.contracts - folded.sold AS bought,
    folded.sold,
    folded.net AS signed_count,
    folded.outlay + folded.closed AS cost,
    folded.fees,
    {MINUTE.format("LEAST(folded.first_bid, folded.first_ask)")} AS first_trade_time,
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
{kept_with("held")}
CROSS JOIN LATERAL (
    SELECT *, paid + CASE WHEN net < 0 THEN -net ELSE 0 END AS outlay FROM (
        SELECT
            COALESCE(kept.trades, 0) + count(fill.id) AS trades,
            {total("contracts", "fill.count")} AS contracts,
            {total("sold", "CASE WHEN placed.reduce_only THEN fill.count END")} AS sold,
            {total("net", SIGNED)} AS net,
            {total("paid", f"{SIGNED} * fill.price")} AS paid,
            {total("closed", "fill.realized_pnl")} AS closed,
            {total("fees", "fill.fee")} AS fees,
            LEAST(kept.first_bid, min(fill.filled_at) FILTER (WHERE fill.side = 'bid')) AS first_bid,
            LEAST(kept.first_ask, min(fill.filled_at) FILTER (WHERE fill.side = 'ask')) AS first_ask,
            GREATEST(kept.last_at, max(fill.filled_at)) AS last_at
        FROM ops.fills AS fill
        LEFT JOIN ops.orders AS placed ON placed.id = fill.order_id
        WHERE fill.trading_mode = held.trading_mode AND fill.ticker = held.ticker
          AND fill.filled_at > COALESCE(kept.last_at, '-infinity') AND fill.filled_at <= {PUBLIC}) AS added
    WHERE trades > 0) AS folded
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
    WHERE settlement.ticker IS NULL AND newest.ticker = held.ticker AND newest.trading_mode = held.trading_mode
      AND newest.captured_at <= {PUBLIC}
    ORDER BY newest.captured_at DESC LIMIT 1) AS book ON true
ORDER BY held.climate_day DESC, held.ticker
"""  # noqa: S608 - the only things put in are constants of ours


def public_trades(more_columns: str, joined: str) -> str:
    """The view of trades, whose join of settlements is its last one but markouts'."""
    made: str = BEFORE["PUBLIC_TRADES"].format(
        more_columns=more_columns, settlement=f" AND settlement.settled_at <= {PUBLIC}{joined}", order=", fill.id"
    )
    return made


def upgrade() -> None:
    op.create_table(
        "market_folds",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("trading_mode", "ticker", "city_code")),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("strike_type", sa.Text(), nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("floor_strike", "cap_strike")),
        sa.Column("trades", sa.BigInteger(), nullable=False),
        *(sa.Column(name, COUNT, nullable=False) for name in ("contracts", "sold", "net")),
        sa.Column("paid", PAID, nullable=False),
        *(sa.Column(name, CASH, nullable=False) for name in ("closed", "fees")),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in ("first_bid", "first_ask")),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("last_at", "computed_at")),
        sa.PrimaryKeyConstraint("trading_mode", "ticker", name=op.f("pk_market_folds")),
        schema="analytics",
    )
    op.create_index(
        "ix_market_folds_mode_day", "market_folds", ["trading_mode", "climate_day", "city_code"], schema="analytics"
    )
    op.execute(FORGET_FOLDS)
    op.execute(
        "CREATE TRIGGER forget_folds AFTER INSERT ON analytics.city_metrics_daily "
        "REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION analytics.forget_folds()"
    )
    op.execute(PUBLIC_MARKETS)
    op.execute(public_trades(f",\n    {strike('fill')}", f"\n{kept_with('fill')}"))


def downgrade() -> None:
    op.execute(public_trades(BEFORE["STRIKE_COLUMNS"], ""))
    op.execute(BEFORE["PUBLIC_MARKETS"].replace("CREATE VIEW", "CREATE OR REPLACE VIEW"))
    op.execute("DROP TRIGGER forget_folds ON analytics.city_metrics_daily")
    op.execute("DROP FUNCTION analytics.forget_folds()")
    op.drop_table("market_folds", schema="analytics")
