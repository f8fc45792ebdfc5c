"""Sums and extremes that a reader of a long span would compute: of whole months, of runs of days, of scored forecasts.

Triggers keep them: the release before keeps them right too, by the rows that it writes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

CASH = sa.Numeric(precision=18, scale=6)
COUNT = sa.Numeric(precision=18, scale=2)
IDENTITY = ("forecaster", "version", "parameters_hash")
SCORES = ("brier", "log", "rps", "market_brier", "market_log", "market_rps")
ACTS = {
    "insert": "NEW TABLE AS added",
    "delete": "OLD TABLE AS removed",
    "update": "OLD TABLE AS removed NEW TABLE AS added",
}

# What is summed over a month, by the column of a city's and of a strategy's day.
SUMS = {
    "signals": ("0", "signal_count"),
    "trades": ("trade_count", "trade_count"),
    "volume": ("volume", "0"),
    "gross_pnl": ("gross_pnl", "gross_pnl"),
    "fees": ("fees", "fees"),
    "net_pnl": ("net_pnl", "net_pnl"),
    "wins": ("win_count", "win_count"),
    "losses": ("loss_count", "loss_count"),
}
KINDS = {"city": ("city_metrics_daily", "city_code", 0), "strategy": ("strategy_metrics_daily", "strategy_name", 1)}


def month_sums(kind: str, rows: str, sign: str = "") -> str:
    """Add the sums of those rows of days to their months, or take them away."""
    _, name, column = KINDS[kind]
    sums = ", ".join(f"{sign}sum({columns[column]})" for columns in SUMS.values())
    added = ", ".join(f"{one} = total.{one} + excluded.{one}" for one in ("days", *SUMS))
    return f"""
    INSERT INTO analytics.result_months AS total (trading_mode, kind, name, month, days, {", ".join(SUMS)})
    SELECT trading_mode, '{kind}', {name}, date_trunc('month', date)::date, {sign}count(*), {sums}
    FROM {rows} GROUP BY 1, 3, 4
    ON CONFLICT (trading_mode, kind, name, month) DO UPDATE SET {added}"""  # noqa: S608 - constants of ours


def sum_months(kind: str) -> str:
    return f"""
CREATE FUNCTION analytics.sum_{kind}_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN {month_sums(kind, "removed", "-")};
    END IF;
    IF TG_OP <> 'DELETE' THEN {month_sums(kind, "added")};
    END IF;
    RETURN NULL;
END $$
"""


# Runs of days are counted from 2000-01-01, so that a new day changes the last one of each width alone.
FILL_RUNS = """
CREATE FUNCTION analytics.fill_equity_runs(mode text, changed date[]) RETURNS void LANGUAGE sql AS $$
    WITH touched AS MATERIALIZED (
        SELECT DISTINCT width, floor((day - '2000-01-01'::date) / width::numeric)::integer AS number
        FROM unnest(changed) AS of (day) CROSS JOIN unnest(ARRAY[8, 16, 32, 41]) AS known (width)
    ), gone AS (
        DELETE FROM analytics.equity_runs AS old USING touched
        WHERE old.trading_mode = mode AND old.width = touched.width AND old.number = touched.number
          AND NOT EXISTS (
            SELECT FROM analytics.equity_curve_daily AS left_over WHERE left_over.trading_mode = mode
              AND left_over.date >= '2000-01-01'::date + touched.number * touched.width
              AND left_over.date < '2000-01-01'::date + (touched.number + 1) * touched.width)
    )
    INSERT INTO analytics.equity_runs AS run (
        trading_mode, width, number, first_date, last_date, highest, lowest, deepest, pnl)
    SELECT mode, touched.width, touched.number, of.* FROM touched CROSS JOIN LATERAL (
        SELECT min(date), max(date), (array_agg(date ORDER BY ending_equity DESC, date))[1],
            (array_agg(date ORDER BY ending_equity, date))[1],
            (array_agg(date ORDER BY drawdown_pct DESC, date))[1], sum(daily_pnl)
        FROM analytics.equity_curve_daily WHERE trading_mode = mode
          AND date >= '2000-01-01'::date + touched.number * touched.width
          AND date < '2000-01-01'::date + (touched.number + 1) * touched.width
        HAVING count(*) > 0) AS of
    ON CONFLICT (trading_mode, width, number) DO UPDATE SET
        first_date = excluded.first_date, last_date = excluded.last_date, highest = excluded.highest,
        lowest = excluded.lowest, deepest = excluded.deepest, pnl = excluded.pnl
$$
"""
KEEP_RUNS = """
CREATE FUNCTION analytics.keep_equity_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM analytics.fill_equity_runs(trading_mode, array_agg(date)) FROM removed GROUP BY trading_mode;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM analytics.fill_equity_runs(trading_mode, array_agg(date)) FROM added GROUP BY trading_mode;
    END IF;
    RETURN NULL;
END $$
"""

# Days first, then the months that they are in. Rounded before they are added, so that no order makes a difference.
KEY = f"lead, {', '.join(IDENTITY)}"
ADDED_SCORES = ", ".join(f"sum(round({name}::numeric, 9))" for name in SCORES)
COUNTED = ("n", "said", "happened", "market_n", "market_said", "market_happened")
BINS = ", ".join(
    f"count(*) FILTER (WHERE {whose}), COALESCE(sum(round(chance::numeric, 9)) FILTER (WHERE {whose}), 0), "
    f"count(*) FILTER (WHERE {whose} AND number = winner)"
    for whose in ("ours", "NOT ours")
)
SUM_SCORES = f"""
CREATE FUNCTION analytics.sum_scores(mode text, changed date[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    months date[] := ARRAY(SELECT DISTINCT date_trunc('month', day)::date FROM unnest(changed) AS of (day));
BEGIN
    DELETE FROM analytics.forecast_skill WHERE trading_mode = mode
        AND (span = 'day' AND first_day = ANY(changed) OR span = 'month' AND first_day = ANY(months));
    DELETE FROM analytics.forecast_reliability WHERE trading_mode = mode
        AND (span = 'day' AND first_day = ANY(changed) OR span = 'month' AND first_day = ANY(months));
    INSERT INTO analytics.forecast_skill (
        trading_mode, span, first_day, city_code, {KEY}, days, events, {", ".join(SCORES)})
    SELECT mode, 'day', climate_day, CASE WHEN grouping(city_code) = 0 THEN city_code ELSE '' END, {KEY}, 1, count(*),
        {ADDED_SCORES}
    FROM analytics.forecast_scores WHERE trading_mode = mode AND climate_day = ANY(changed)
    GROUP BY GROUPING SETS ((climate_day, {KEY}), (climate_day, {KEY}, city_code))
    HAVING grouping(city_code) = 1 OR city_code IS NOT NULL;
    INSERT INTO analytics.forecast_skill (
        trading_mode, span, first_day, city_code, {KEY}, days, events, {", ".join(SCORES)})
    SELECT mode, 'month', date_trunc('month', first_day)::date, city_code, {KEY}, sum(days), sum(events), {ADDED_SCORES}
    FROM analytics.forecast_skill
    JOIN unnest(months) AS of (month) ON first_day >= month AND first_day < month + interval '1 month'
    WHERE trading_mode = mode AND span = 'day'
    GROUP BY 3, 4, {KEY};
    INSERT INTO analytics.forecast_reliability (trading_mode, span, first_day, {KEY}, bin, {", ".join(COUNTED)})
    SELECT mode, 'day', climate_day, {KEY}, LEAST(floor(chance * 10), 9), {BINS}
    FROM analytics.forecast_scores
    CROSS JOIN LATERAL (
        SELECT true AS ours, chance, number - 1 AS number FROM unnest(chances) WITH ORDINALITY AS of (chance, number)
        UNION ALL
        SELECT false, chance, number - 1 FROM unnest(market_chances) WITH ORDINALITY AS of (chance, number)) AS said
    WHERE trading_mode = mode AND climate_day = ANY(changed)
    GROUP BY climate_day, {KEY}, 8;
    INSERT INTO analytics.forecast_reliability (trading_mode, span, first_day, {KEY}, bin, {", ".join(COUNTED)})
    SELECT mode, 'month', date_trunc('month', first_day)::date, {KEY}, bin,
        {", ".join(f"sum(round({name}::numeric, 9))" for name in COUNTED)}
    FROM analytics.forecast_reliability
    JOIN unnest(months) AS of (month) ON first_day >= month AND first_day < month + interval '1 month'
    WHERE trading_mode = mode AND span = 'day'
    GROUP BY 3, {KEY}, bin;
END $$
"""  # noqa: S608 - the only things put in are constants of ours
KEEP_SCORES = """
CREATE FUNCTION analytics.keep_score_sums() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM analytics.sum_scores(trading_mode, array_agg(DISTINCT climate_day)) FROM removed GROUP BY trading_mode;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM analytics.sum_scores(trading_mode, array_agg(DISTINCT climate_day)) FROM added GROUP BY trading_mode;
    END IF;
    RETURN NULL;
END $$
"""

# Each trigger with its table and function.
KEPT = {
    "sum_city_months": ("city_metrics_daily", "sum_city_months"),
    "sum_strategy_months": ("strategy_metrics_daily", "sum_strategy_months"),
    "keep_equity_runs": ("equity_curve_daily", "keep_equity_runs"),
    "keep_score_sums": ("forecast_scores", "keep_score_sums"),
}
OF_SCORES = ("chances", "market_chances", "winner", "city_code")


def upgrade() -> None:
    op.add_column("forecast_scores", sa.Column("chances", postgresql.ARRAY(sa.Double())), schema="analytics")
    op.add_column("forecast_scores", sa.Column("market_chances", postgresql.ARRAY(sa.Double())), schema="analytics")
    op.add_column("forecast_scores", sa.Column("winner", sa.BigInteger()), schema="analytics")
    op.add_column("forecast_scores", sa.Column("city_code", sa.Text()), schema="analytics")
    op.create_table(
        "result_months",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("trading_mode", "kind", "name")),
        sa.Column("month", sa.Date(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("days", "signals", "trades")),
        sa.Column("volume", COUNT, nullable=False),
        *(sa.Column(name, CASH, nullable=False) for name in ("gross_pnl", "fees", "net_pnl")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("wins", "losses")),
        sa.PrimaryKeyConstraint("trading_mode", "kind", "name", "month", name=op.f("pk_result_months")),
        schema="analytics",
    )
    op.create_table(
        "equity_runs",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("width", "number")),
        *(
            sa.Column(name, sa.Date(), nullable=False)
            for name in ("first_date", "last_date", "highest", "lowest", "deepest")
        ),
        sa.Column("pnl", CASH, nullable=False),
        sa.PrimaryKeyConstraint("trading_mode", "width", "number", name=op.f("pk_equity_runs")),
        schema="analytics",
    )
    op.create_table(
        "forecast_skill",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("trading_mode", "span", "city_code", "lead")),
        sa.Column("first_day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in IDENTITY),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("days", "events")),
        *(sa.Column(name, sa.Double(), nullable=False) for name in SCORES),
        sa.PrimaryKeyConstraint(
            *("trading_mode", "span", "city_code", "lead", "first_day", *IDENTITY), name=op.f("pk_forecast_skill")
        ),
        schema="analytics",
    )
    op.create_table(
        "forecast_reliability",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("trading_mode", "span", "lead")),
        sa.Column("first_day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in IDENTITY),
        sa.Column("bin", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Double() if "said" in name else sa.BigInteger(), nullable=False) for name in COUNTED),
        sa.PrimaryKeyConstraint(
            *("trading_mode", "span", "lead", "first_day", *IDENTITY, "bin"), name=op.f("pk_forecast_reliability")
        ),
        schema="analytics",
    )
    for function in (sum_months("city"), sum_months("strategy"), FILL_RUNS, KEEP_RUNS, SUM_SCORES, KEEP_SCORES):
        op.execute(function)
    for trigger, (table, function) in KEPT.items():
        for act, rows in ACTS.items():
            op.execute(
                f"CREATE TRIGGER {trigger}_of_{act} AFTER {act.upper()} ON analytics.{table} "
                f"REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION analytics.{function}()"
            )
    # The triggers' lock keeps writers away until the commit, so nothing is counted twice or not at all.
    for kind, (table, *_) in KINDS.items():
        op.execute(month_sums(kind, f"analytics.{table}"))
    for table, day, function in (
        ("equity_curve_daily", "date", "fill_equity_runs"),
        ("forecast_scores", "climate_day", "sum_scores"),
    ):
        op.execute(
            f"SELECT analytics.{function}(trading_mode, array_agg(DISTINCT {day})) "  # noqa: S608 - constants of ours
            f"FROM analytics.{table} GROUP BY trading_mode"
        )


def downgrade() -> None:
    for trigger, (table, _) in KEPT.items():
        for act in ACTS:
            op.execute(f"DROP TRIGGER {trigger}_of_{act} ON analytics.{table}")
    for _, function in KEPT.values():
        op.execute(f"DROP FUNCTION analytics.{function}()")
    op.execute("DROP FUNCTION analytics.fill_equity_runs(text, date[])")
    op.execute("DROP FUNCTION analytics.sum_scores(text, date[])")
    for table in ("forecast_reliability", "forecast_skill", "equity_runs", "result_months"):
        op.drop_table(table, schema="analytics")
    for name in OF_SCORES:
        op.drop_column("forecast_scores", name, schema="analytics")
