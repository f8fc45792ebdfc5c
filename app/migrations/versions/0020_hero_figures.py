"""What the top of the page shows, kept instead of added up at each request, and where a rebuild stands.

A trigger counts won and lost markets: the release before keeps them right too, by the rows that it writes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

CASH = sa.Numeric(precision=18, scale=6)
COUNT_RESULTS = """
CREATE FUNCTION analytics.count_results() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE analytics.result_totals AS total
        SET win_count = total.win_count - gone.wins, loss_count = total.loss_count - gone.losses
        FROM (SELECT trading_mode, sum(win_count) AS wins, sum(loss_count) AS losses
              FROM removed GROUP BY trading_mode) AS gone
        WHERE total.trading_mode = gone.trading_mode;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO analytics.result_totals AS total (trading_mode, win_count, loss_count)
        SELECT trading_mode, sum(win_count), sum(loss_count) FROM added GROUP BY trading_mode
        ON CONFLICT (trading_mode) DO UPDATE SET
            win_count = total.win_count + excluded.win_count, loss_count = total.loss_count + excluded.loss_count;
    END IF;
    RETURN NULL;
END $$
"""
ROWS = {
    "insert": "NEW TABLE AS added",
    "delete": "OLD TABLE AS removed",
    "update": "OLD TABLE AS removed NEW TABLE AS added",
}
# The triggers' lock keeps writers away until the commit, so none is counted twice or not at all.
COUNT_SO_FAR = """
INSERT INTO analytics.result_totals (trading_mode, win_count, loss_count)
SELECT trading_mode, sum(win_count), sum(loss_count) FROM analytics.city_metrics_daily GROUP BY trading_mode
"""


def upgrade() -> None:
    op.create_table(
        "result_totals",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("win_count", sa.BigInteger(), nullable=False),
        sa.Column("loss_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("trading_mode", name=op.f("pk_result_totals")),
        schema="analytics",
    )
    op.create_table(
        "hero_figures",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total_pnl", CASH, nullable=False),
        sa.Column("unrealized_pnl", CASH, nullable=False),
        sa.Column("unpriced_positions", sa.BigInteger(), nullable=False),
        sa.Column("win_count", sa.BigInteger(), nullable=False),
        sa.Column("loss_count", sa.BigInteger(), nullable=False),
        sa.Column("trades_today", sa.BigInteger(), nullable=False),
        sa.Column("active_positions", sa.BigInteger(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("trading_mode", name=op.f("pk_hero_figures")),
        schema="analytics",
    )
    op.create_table(
        "rebuild_mark",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("done", sa.Date(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_rebuild_mark_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rebuild_mark")),
        schema="analytics",
    )
    op.execute(COUNT_RESULTS)
    for act, rows in ROWS.items():
        op.execute(
            f"CREATE TRIGGER count_results_of_{act} AFTER {act.upper()} ON analytics.city_metrics_daily "
            f"REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION analytics.count_results()"
        )
    op.execute(COUNT_SO_FAR)


def downgrade() -> None:
    for act in ROWS:
        op.execute(f"DROP TRIGGER count_results_of_{act} ON analytics.city_metrics_daily")
    op.execute("DROP FUNCTION analytics.count_results()")
    op.drop_table("rebuild_mark", schema="analytics")
    op.drop_table("hero_figures", schema="analytics")
    op.drop_table("result_totals", schema="analytics")
