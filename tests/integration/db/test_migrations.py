"""Migrations go up, down and up again, and end cleanly when they cannot go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from tests.postgres import Cluster, TestDatabase

from milkbot.db.migrate import (
    VERSION_SCHEMA,
    Timeouts,
    alembic_config,
    current_revision,
    downgrade,
    head_revision,
    migrations_directory,
    offline_sql,
    upgrade,
)
from milkbot.db.models import metadata

OBJECTS = """
SELECT 'relation ' || relnamespace::regnamespace || '.' || relname AS thing,
       CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) WHEN 'i' THEN pg_get_indexdef(oid) END AS shape,
       -- The owner's own rights are written out after the first REVOKE and mean the same.
       (SELECT string_agg(item::text, ',' ORDER BY item::text) FROM unnest(relacl) AS item
        WHERE item::text NOT LIKE 'milkbot=%') AS grants
FROM pg_class WHERE relnamespace::regnamespace::text IN ('ops', 'analytics') AND relname NOT LIKE 'alembic_version%'
UNION ALL
SELECT 'schema ' || nspname, '', (SELECT string_agg(item::text, ',' ORDER BY item::text) FROM unnest(nspacl) AS item
                                  WHERE item::text NOT LIKE 'milkbot=%')
FROM pg_namespace WHERE nspname = 'ops'
UNION ALL
SELECT 'function ' || proname, prosrc, NULL FROM pg_proc WHERE pronamespace::regnamespace::text IN ('ops', 'analytics')
UNION ALL
SELECT 'trigger ' || tgname, pg_get_triggerdef(oid), NULL FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1, 2
"""


def _objects(engine: Engine) -> list[tuple[str, str, str | None]]:
    with engine.connect() as connection:
        return [(row.thing, row.shape, row.grants) for row in connection.execute(text(OBJECTS))]


def test_down_to_nothing_and_up_again_gives_the_same_schema(database: TestDatabase) -> None:
    engine = database.engine()
    first = _objects(engine)
    downgrade(engine, "base")
    assert [thing for thing, _, _ in _objects(engine)] == ["schema ops"]
    upgrade(engine)
    assert _objects(engine) == first


def test_each_migration_alone_can_be_reverted(database: TestDatabase) -> None:
    engine = database.engine()
    config = alembic_config(engine)
    while current_revision(engine) is not None:
        here = _objects(engine)
        step = current_revision(engine)
        command.downgrade(config, "-1")
        upgrade(engine, str(step))
        assert _objects(engine) == here, f"down from {step} and up to it again changed the schema"
        command.downgrade(config, "-1")


def test_models_and_migrated_schema_do_not_drift_apart(database: TestDatabase) -> None:
    options = {
        "version_table_schema": VERSION_SCHEMA,
        "include_schemas": True,
        "include_name": lambda name, kind, _: kind != "schema" or name in {"ops", "analytics"},
        "compare_server_default": True,
    }
    with database.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_alembic_check_finds_nothing_to_write(database: TestDatabase) -> None:
    command.check(alembic_config(database.engine()))


def test_upgrade_of_a_current_database_changes_nothing(database: TestDatabase) -> None:
    engine = database.engine()
    head = head_revision(alembic_config(engine))
    assert upgrade(engine) == (head, head)


def test_missing_role_is_named_and_its_migration_is_rolled_back(cluster: Cluster, empty_database: TestDatabase) -> None:
    engine = empty_database.engine()
    with cluster.admin.connect() as admin:
        admin.execute(text("ALTER ROLE milkbot_api RENAME TO milkbot_api_away"))
        try:
            with pytest.raises(ProgrammingError, match="role milkbot_api is missing; create it with: CREATE ROLE"):
                upgrade(engine)
        finally:
            admin.execute(text("ALTER ROLE milkbot_api_away RENAME TO milkbot_api"))
    assert current_revision(engine) == "0005"
    assert [grants for thing, _, grants in _objects(engine) if grants and "milkbot_trader" in grants] == []
    upgrade(engine)
    assert current_revision(engine) == head_revision(alembic_config(engine))


def test_blocked_migration_gives_up_soon_and_changes_nothing(database: TestDatabase) -> None:
    engine = database.engine()
    downgrade(engine, "0002")
    before = _objects(engine)
    with database.engine().connect() as reader:
        reader.execute(text("LOCK TABLE ops.fills IN ACCESS SHARE MODE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            downgrade(engine, "0001")
        reader.rollback()
    assert current_revision(engine) == "0002"
    assert _objects(engine) == before
    downgrade(engine, "0001")
    assert current_revision(engine) == "0001"


def test_offline_sql_creates_the_same_schema(database: TestDatabase, empty_database: TestDatabase) -> None:
    with empty_database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE SCHEMA ops")
        # One at a time, as psql sends them: an index is made without blocking outside of any transaction only.
        for statement in offline_sql(None).split(";\n\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    assert _objects(empty_database.engine()) == _objects(database.engine())
    assert current_revision(empty_database.engine()) == current_revision(database.engine())


def test_offline_sql_is_empty_without_pending_migrations() -> None:
    assert offline_sql(head_revision(alembic_config(None))) == ""


NEXT_MIGRATION = """
from alembic import op

revision = "9999"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE ops.of_a_test (id bigint)")
    op.execute("{then}")


def downgrade() -> None:
    op.execute("DROP TABLE ops.of_a_test")
"""


def _with_another(directory: Path, then: str) -> Path:
    """Our migrations, and one after them that makes a table first."""
    copied = directory / "migrations"
    shutil.copytree(migrations_directory(), copied)
    text_ = NEXT_MIGRATION.format(before=head_revision(alembic_config(None)), then=then)
    (copied / "versions/9999_test.py").write_text(text_, encoding="utf-8")
    return copied


@pytest.mark.parametrize(
    ("then", "timeouts", "said"),
    [
        ("SELECT pg_sleep(30)", Timeouts(lock=4, statement=1), "statement timeout"),
        ("LOCK TABLE ops.fills", Timeouts(lock=1, statement=30), "lock timeout"),
    ],
    ids=["slow", "locking"],
)
def test_a_migration_that_times_out_leaves_nothing(
    database: TestDatabase, tmp_path: Path, then: str, timeouts: Timeouts, said: str
) -> None:
    engine = database.engine()
    migrations = _with_another(tmp_path, then)
    before, revision = _objects(engine), current_revision(engine)
    with database.engine().connect() as reader:
        reader.execute(text("LOCK TABLE ops.fills IN ACCESS SHARE MODE"))
        with pytest.raises(OperationalError, match=said):
            upgrade(engine, directory=migrations, timeouts=timeouts)
        reader.rollback()
    assert (_objects(engine), current_revision(engine)) == (before, revision)
    # Nothing is held after it: with time enough, the same migration runs.
    if "LOCK" in then:
        assert upgrade(engine, directory=migrations, timeouts=timeouts) == (revision, "9999")


def test_every_migration_sets_lock_and_statement_timeouts() -> None:
    sql = offline_sql(None, timeouts=Timeouts(lock=3, statement=20))
    assert sql.startswith("SET lock_timeout = '3s';\n\nSET statement_timeout = '20s';\n\nBEGIN;")
