"""Each role can do what it must, and nothing beyond it."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from tests.postgres import TestDatabase

FACTS = {
    "balance_snapshots",
    "cash_books",
    "chain_marks",
    "component_health",
    "event_ladders",
    "fill_markouts",
    "fills",
    "findings",
    "forecasts",
    "market_results",
    "market_snapshots",
    "order_events",
    "order_groups",
    "orders",
    "positions",
    "risk_events",
    "rollup_touched",
    "series_terms",
    "settlement_corrections",
    "settlements",
    "signals",
    "ticks",
    "trading_holds",
    "trading_states",
    "unread_objects",
    "weather_snapshots",
}
RULES = {
    "alembic_version",
    "hold_acknowledgements",
    "live_armings",
    "order_rules",
    "order_states",
    "order_transitions",
    "terms_acceptances",
}
ROLLUPS = {
    "city_metrics_daily",
    "equity_curve_daily",
    "equity_runs",
    "forecast_evidence",
    "forecast_reliability",
    "forecast_scores",
    "forecast_skill",
    "health_metrics",
    "hero_figures",
    "market_folds",
    "rebuild_mark",
    "result_months",
    "result_totals",
    "score_marks",
    "strategy_metrics_daily",
}
VIEWS = {
    "v_current_health",
    "v_platform_status",
    "v_public_forecasts",
    "v_public_markets",
    "v_public_results",
    "v_public_trades",
}


def _tables(schema: str, names: set[str]) -> set[str]:
    return {f"{schema}.{name}" for name in names}


READS_OPS = _tables("ops", FACTS | RULES)
ALLOWED: dict[str, dict[str, set[str]]] = {
    "milkbot_trader": {
        "SELECT": READS_OPS | {"analytics.equity_curve_daily", "analytics.forecast_evidence"},
        "INSERT": _tables("ops", FACTS),
        "UPDATE": _tables(
            "ops", {"ticks", "orders", "positions", "component_health", "cash_books", "chain_marks", "event_ladders"}
        ),
        "DELETE": set(),
        "TRUNCATE": set(),
    },
    "milkbot_rollups": {
        "SELECT": READS_OPS | _tables("analytics", ROLLUPS | VIEWS),
        "INSERT": _tables("analytics", ROLLUPS) | {"ops.fill_markouts"},
        "UPDATE": _tables("analytics", ROLLUPS),
        "DELETE": _tables("analytics", ROLLUPS) | {"ops.rollup_touched"},
        "TRUNCATE": set(),
    },
    "milkbot_api": {
        "SELECT": _tables("analytics", ROLLUPS | VIEWS),
        "INSERT": set(),
        "UPDATE": set(),
        "DELETE": set(),
        "TRUNCATE": set(),
    },
}
# It reads everything.
ALLOWED["milkbot_operator"] = {
    **ALLOWED["milkbot_api"],
    "SELECT": READS_OPS | _tables("analytics", ROLLUPS | VIEWS),
}
# It acts as the trader does, and decides what the trader may not.
ALLOWED["milkbot_control"] = {
    **ALLOWED["milkbot_trader"],
    "INSERT": ALLOWED["milkbot_trader"]["INSERT"] | _tables("ops", {"hold_acknowledgements", "terms_acceptances"}),
}
# Rights on a view are without effect where the view cannot be written.
HELD = """
SELECT relnamespace::regnamespace || '.' || relname FROM pg_class
WHERE relnamespace::regnamespace::text IN ('ops', 'analytics') AND relkind IN ('r', 'v')
  AND has_table_privilege(:role, oid, :privilege)
  AND (:privilege = 'SELECT' OR relkind = 'r')
"""


@pytest.mark.parametrize("role", sorted(ALLOWED))
def test_role_holds_exactly_its_rights(database: TestDatabase, role: str) -> None:
    with database.engine().connect() as connection:
        held = {
            privilege: set(connection.scalars(text(HELD), {"role": role, "privilege": privilege}))
            for privilege in ALLOWED[role]
        }
    assert held == ALLOWED[role]


@pytest.mark.parametrize("role", sorted(ALLOWED))
def test_no_service_can_make_objects(database: TestDatabase, role: str) -> None:
    with database.engine(role).connect() as connection:
        for made in (
            "TABLE ops.mine (id int)",
            "TABLE analytics.mine (id int)",
            "SCHEMA mine",
            "TEMP TABLE mine (id int)",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(f"CREATE {made}"))
            connection.rollback()


def test_public_api_cannot_read_what_is_private(database: TestDatabase) -> None:
    with database.engine("milkbot_api").connect() as connection, pytest.raises(ProgrammingError, match="schema ops"):
        connection.execute(text("SELECT * FROM ops.fills"))


@pytest.mark.parametrize("role", sorted(ALLOWED))
def test_no_service_can_arm_live_trading(database: TestDatabase, role: str) -> None:
    insert = "INSERT INTO ops.live_armings (armed_by, armed_at, expires_at, statement) VALUES ('x', now(), now(), 'x')"
    with (
        database.engine(role).connect() as connection,
        pytest.raises(ProgrammingError, match=r"permission denied for (table live_armings|schema ops)"),
    ):
        connection.execute(text(insert))


@pytest.mark.parametrize("role", sorted(ALLOWED))
def test_no_service_can_read_the_verifiers_of_passwords(database: TestDatabase, role: str) -> None:
    with (
        database.engine(role).connect() as connection,
        pytest.raises(ProgrammingError, match="permission denied for table pg_authid"),
    ):
        connection.execute(text("SELECT rolpassword FROM pg_authid"))


def test_a_table_created_later_gets_its_rights(database: TestDatabase) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("CREATE TABLE ops.later (id int)"))
        connection.execute(text("CREATE TABLE analytics.later (id int)"))
    rights = "SELECT has_table_privilege(:role, :name, 'INSERT')"
    with database.engine().connect() as connection:
        assert connection.scalar(text(rights), {"role": "milkbot_trader", "name": "ops.later"})
        assert connection.scalar(text(rights), {"role": "milkbot_rollups", "name": "analytics.later"})
        for role in ("milkbot_api", "milkbot_operator"):
            assert not connection.scalar(text(rights), {"role": role, "name": "analytics.later"})
    with database.engine("milkbot_operator").connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ops.later")) == 0
