"""What a database holds that nobody traded in."""

from __future__ import annotations

import runpy
from pathlib import Path

import yaml
from sqlalchemy import text
from tests.postgres import TestDatabase

RECOVERY = Path(__file__).parents[3] / "roles" / "recovery"


def test_a_database_that_was_only_migrated_counts_as_empty(database: TestDatabase) -> None:
    """A recovery onto a new machine is refused where a ledger exists, and nowhere else."""
    asked = runpy.run_path(str(RECOVERY / "library" / "recovery_books.py"))["STORED"]
    with database.engine().connect() as connection:
        filled = connection.scalars(text(asked)).all()
    wanted = yaml.safe_load((RECOVERY / "vars" / "main.yml").read_text(encoding="utf-8"))["_recovery_empty_tables"]
    assert sorted(filled) == sorted(wanted)
