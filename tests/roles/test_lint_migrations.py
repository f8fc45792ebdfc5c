"""The linter of migrations: ours pass it, and each way to break an earlier release, or to block it, does not."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from tests.roles.modules import ask
from tests.roles.rendering import ROOT

from milkbot.db.migrate import alembic_config, head_revision, migrations_directory, offline_sql

# The linter came after these. They are published, so they do not change: what they did is done on every host.
BEFORE_THE_LINTER = {
    "0001": {"prefer-text-field"},  # Alembic's own table of its revision
    "0006": {"ban-revoke"},  # rights that the same migration granted
    "0007": {"require-concurrent-index-creation"},
}

MIGRATION = """
from alembic import op
import sqlalchemy as sa

revision = "9999"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {up}
"""

BREAKING = {
    "a column is dropped": ('op.drop_column("fills", "fee", schema="ops")', "ban-drop-column"),
    "a column is renamed": (
        'op.alter_column("fills", "fee", new_column_name="fees", schema="ops")',
        "renaming-column",
    ),
    "a column without default is required": (
        'op.add_column("fills", sa.Column("venue", sa.Text(), nullable=False), schema="ops")',
        "adding-required-field",
    ),
    "a column becomes required": (
        'op.alter_column("fills", "order_id", nullable=False, schema="ops")',
        "adding-not-nullable-field",
    ),
    "a column may be null": ('op.alter_column("fills", "fee", nullable=True, schema="ops")', "ban-drop-not-null"),
    "a column's type is changed": (
        'op.alter_column("fills", "ticker", type_=sa.Integer(), schema="ops")',
        "changing-column-type",
    ),
    "a column is filled row by row": (
        'op.add_column("fills", sa.Column("u", sa.Uuid(), server_default=sa.func.gen_random_uuid()), schema="ops")',
        "adding-field-with-default",
    ),
    "an index blocks writes": (
        'op.create_index("ix_fills_side", "fills", ["side"], schema="ops")',
        "require-concurrent-index-creation",
    ),
    "an index goes and blocks": (
        'op.drop_index("ix_fills_mode_day", "fills", schema="ops")',
        "require-concurrent-index-deletion",
    ),
    "an index is made without blocking, within a transaction": (
        'op.create_index("ix_fills_side", "fills", ["side"], schema="ops", postgresql_concurrently=True)',
        "ban-concurrent-index-creation-in-transaction",
    ),
    "a constraint is checked under a lock": (
        'op.create_check_constraint("fee", "fills", "fee >= 0", schema="ops")',
        "constraint-missing-not-valid",
    ),
    "a foreign key locks two tables": (
        'op.execute("ALTER TABLE ops.fills ADD FOREIGN KEY (order_id) REFERENCES ops.orders (id)")',
        "adding-foreign-key-constraint",
    ),
    "a unique constraint locks": (
        'op.create_unique_constraint("uq", "fills", ["ticker"], schema="ops")',
        "disallowed-unique-constraint",
    ),
    "a table is dropped": ('op.drop_table("signals", schema="ops")', "ban-drop-table"),
    "a table is renamed": ('op.rename_table("signals", "decisions", schema="ops")', "renaming-table"),
    "a view is dropped": ('op.execute("DROP VIEW analytics.v_public_trades")', "ban-drop-view"),
    "a function is dropped": ('op.execute("DROP FUNCTION ops.check_order_state()")', "ban-drop-function"),
    "a right is taken away": (
        'op.execute("REVOKE SELECT ON analytics.v_public_trades FROM milkbot_api")',
        "ban-revoke",
    ),
    "a statement is no SQL": ('op.execute("ALTER TABLE ops.fills ADD COLUMN")', "syntax-error"),
}

EXPANDING = {
    "a table": 'op.create_table("of_a_test", sa.Column("id", sa.BigInteger(), nullable=False), schema="ops")',
    "a column that may be null": 'op.add_column("fills", sa.Column("venue", sa.Text()), schema="ops")',
    "a column with a default": (
        'op.add_column("fills", sa.Column("venue", sa.Text(), nullable=False, server_default="kalshi"), schema="ops")'
    ),
    "an index that blocks nobody": """with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ops.ix_fills_side")
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_fills_side ON ops.fills (side)")""",
    "a right": 'op.execute("GRANT SELECT ON ops.fills TO milkbot_api")',
}


def lint(sql: str, **more: Any) -> dict[str, Any]:
    """The module's answer, with our rules and the linter of this environment."""
    given: dict[str, Any] = {
        "config": str(ROOT / ".squawk.toml"),
        "squawk": str(Path(sys.executable).parent / "squawk"),
    }
    return ask("update/library/lint_migrations.py", sql=sql, **(given | more))


def written(directory: Path, up: str) -> str:
    """The SQL of a migration after ours."""
    copied = directory / "migrations"
    shutil.copytree(migrations_directory(), copied)
    before = head_revision(alembic_config(None))
    (copied / "versions/9999_test.py").write_text(MIGRATION.format(before=before, up=up), encoding="utf-8")
    return offline_sql(before, directory=copied)


def test_no_migration_since_the_linter_breaks_an_earlier_release() -> None:
    found: dict[str, set[str]] = {}
    revisions = list(reversed(list(ScriptDirectory.from_config(alembic_config(None)).walk_revisions())))
    for revision in revisions:
        assert revision.down_revision is None or isinstance(revision.down_revision, str)
        answer = lint(offline_sql(revision.down_revision, revision.revision), allow=True)
        rules = {finding["rule"] for finding in answer["findings"]}
        if rules:
            found[revision.revision] = rules
    assert len(revisions) >= 8
    assert found == BEFORE_THE_LINTER


@pytest.mark.parametrize("case", BREAKING)
def test_a_breaking_migration_is_refused(case: str, tmp_path: Path) -> None:
    up, rule = BREAKING[case]
    answer = lint(written(tmp_path, up))
    assert answer["failed"]
    assert rule in {finding["rule"] for finding in answer["findings"]}
    assert {finding["revision"] for finding in answer["findings"]} == {"9999"}
    assert f"9999, line {answer['findings'][0]['line']}, " in answer["msg"]
    assert "update_contracting=true" in answer["msg"]


@pytest.mark.parametrize("case", EXPANDING)
def test_an_expanding_migration_is_accepted(case: str, tmp_path: Path) -> None:
    answer = lint(written(tmp_path, EXPANDING[case]))
    assert (answer.get("msg"), answer["findings"]) == (None, [])


def test_a_finding_names_the_line_of_its_statement(tmp_path: Path) -> None:
    sql = written(tmp_path, BREAKING["a column is dropped"][0])
    (finding,) = lint(sql)["findings"]
    assert finding["statement"] == "ALTER TABLE ops.fills DROP COLUMN fee;"
    assert sql.splitlines()[finding["line"] - 1] == finding["statement"]


def test_an_allowed_breaking_migration_is_reported_as_a_warning(tmp_path: Path) -> None:
    answer = lint(written(tmp_path, BREAKING["a column is dropped"][0]), allow=True)
    assert "failed" not in answer
    assert "allowed by update_contracting: 9999" in json.dumps(answer["warnings"])


def test_a_migration_without_timeouts_is_refused(tmp_path: Path) -> None:
    sql = written(tmp_path, EXPANDING["a column that may be null"])
    unbounded = "\n".join(line for line in sql.splitlines() if not line.startswith("SET "))
    rules = {finding["rule"] for finding in lint(unbounded)["findings"]}
    assert rules == {"require-lock-timeout", "require-statement-timeout"}


def test_no_pending_migration_has_no_finding() -> None:
    assert lint("")["findings"] == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"squawk": "/nowhere/squawk"}, "/nowhere/squawk is not there; install the group ops"),
        ({"squawk": "/bin/false"}, "/bin/false ended with 1"),
        ({"config": "/nowhere/rules.toml"}, "config = /nowhere/rules.toml: there is no such file"),
    ],
)
def test_a_linter_that_does_not_run_fails_the_check(wrong: dict[str, str], said: str) -> None:
    answer = lint("SELECT 1;", **wrong)
    assert answer["failed"]
    assert said in answer["msg"]
