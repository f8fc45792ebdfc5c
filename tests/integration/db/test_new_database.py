"""What a database holds that nobody traded in."""

from __future__ import annotations

from pathlib import Path

import yaml
from sqlalchemy import text
from tests.postgres import TestDatabase

RECOVERY = Path(__file__).parents[3] / "roles" / "recovery" / "vars" / "main.yml"
TABLES = """
    SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('ops', 'analytics') ORDER BY 1
"""


def test_a_database_that_was_only_migrated_is_taken_for_books(database: TestDatabase) -> None:
    """A recovery onto a new machine is refused where somebody's books are, and nowhere else."""
    with database.engine().connect() as connection:
        tables = connection.scalars(text(TABLES)).all()
        filled = {name for name in tables if connection.scalar(text(f"SELECT EXISTS (SELECT FROM {name})"))}
    assert filled == set(yaml.safe_load(RECOVERY.read_text(encoding="utf-8"))["_recovery_empty_tables"])
