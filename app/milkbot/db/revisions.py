"""What revisions of the schema do in the same way."""

from __future__ import annotations

import runpy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alembic import op


def build_indexes(indexes: Mapping[str, str]) -> None:
    """Make indexes in schema `ops` without keeping the trader waiting: by name, what each is of, its table first."""
    with op.get_context().autocommit_block():
        for name, of in indexes.items():
            # One that was interrupted is there and of no use.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS ops.{name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON ops.{of}")


def drop_indexes(names: Iterable[str]) -> None:
    """Take indexes in schema `ops` away without keeping the trader waiting, the last one first."""
    with op.get_context().autocommit_block():
        for name in reversed(list(names)):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS ops.{name}")


def need_roles(names: Iterable[str]) -> None:
    """Raise, with its name, for a role that the provisioning has not made: roles belong to the cluster."""
    for name in names:
        op.execute(
            f"""
            DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN
                    RAISE EXCEPTION 'database role {name} is missing; create it with: CREATE ROLE {name} LOGIN';
                END IF;
            END $$
            """
        )


def earlier(revision: str, name: str) -> dict[str, Any]:
    """The names of another revision, `0019_public_facts`, beside the file `revision`: for views as they were before."""
    return runpy.run_path(str(Path(revision).with_name(f"{name}.py")))
