"""How every migration runs: one transaction each, one migrator at a time, and never a long wait for a lock."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, Engine, text

from milkbot.db.migrate import VERSION_SCHEMA
from milkbot.db.models import metadata

# Any constant will do; two migrators must agree on it.
ADVISORY_LOCK = 4_203_774_611


def include_name(name: str | None, kind: str, parents: object) -> bool:
    """Compare our two schemas only."""
    del parents
    return kind != "schema" or name in {"ops", "analytics"}


def run(connection: Connection | None) -> None:
    context.configure(
        connection=connection,
        dialect_name="postgresql",
        target_metadata=metadata,
        version_table_schema=VERSION_SCHEMA,
        include_schemas=True,
        include_name=include_name,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    if connection is None:
        # What reads the SQL sees the timeouts that it would run with, and each transaction's bounds.
        for statement in context.config.attributes["timeouts"].statements():
            context.execute(statement)
    with context.begin_transaction():
        context.run_migrations()


def run_online(engine: Engine) -> None:
    with engine.connect() as connection:
        for statement in context.config.attributes["timeouts"].statements():
            connection.execute(text(statement))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
        connection.commit()
        try:
            run(connection)
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
            connection.commit()


if context.is_offline_mode():
    run(None)
else:
    run_online(context.config.attributes["engine"])
