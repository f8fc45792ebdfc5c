"""Schema migrations: where they are, and running them under one lock with bounded waits."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

VERSION_SCHEMA = "ops"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a migration may wait for one lock, and how long one of its statements may run, in seconds.

    Queries queue behind a migration that waits for a lock, so it gives up long before anyone notices.
    """

    lock: int = 4
    statement: int = 60

    def statements(self) -> tuple[str, str]:
        """The SQL that sets them for the session."""
        return f"SET lock_timeout = '{self.lock}s'", f"SET statement_timeout = '{self.statement}s'"


TIMEOUTS = Timeouts()


def migrations_directory() -> Path:
    """The migrations of this installation: a release's or a checkout's `app/migrations`."""
    return Path(sys.prefix).resolve().parent / "app" / "migrations"


def alembic_config(engine: Engine | None, directory: Path | None = None, *, timeouts: Timeouts = TIMEOUTS) -> Config:
    """Alembic's configuration without a file of its own. `engine` None is enough for offline commands."""
    config = Config()
    config.set_main_option("script_location", str(directory or migrations_directory()))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    config.attributes["timeouts"] = timeouts
    return config


def head_revision(config: Config) -> str:
    """The newest revision of the code. Raises alembic's CommandError when the history is not one line."""
    head = ScriptDirectory.from_config(config).get_current_head()
    if head is None:
        raise RuntimeError("this installation has no migrations: it is incomplete. Install the release again")
    return head


def current_revision(engine: Engine) -> str | None:
    """The database's revision, None for one that was never migrated."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": VERSION_SCHEMA})
        return context.get_current_revision()


def upgrade(
    engine: Engine, revision: str = "head", directory: Path | None = None, *, timeouts: Timeouts = TIMEOUTS
) -> tuple[str | None, str | None]:
    """Migrate up to `revision`; returns the revisions before and after. Safe to call when none is pending."""
    before = current_revision(engine)
    command.upgrade(alembic_config(engine, directory, timeouts=timeouts), revision)
    return before, current_revision(engine)


def downgrade(
    engine: Engine, revision: str, directory: Path | None = None, *, timeouts: Timeouts = TIMEOUTS
) -> tuple[str | None, str | None]:
    """Migrate down to `revision`; returns the revisions before and after."""
    before = current_revision(engine)
    command.downgrade(alembic_config(engine, directory, timeouts=timeouts), revision)
    return before, current_revision(engine)


def offline_sql(
    before: str | None, revision: str = "head", directory: Path | None = None, *, timeouts: Timeouts = TIMEOUTS
) -> str:
    """The SQL that `upgrade` would run on a database at `before`, None for a new one; empty when none is pending.

    Reads no database. Raises alembic's CommandError for a revision that is not known here.
    """
    config = alembic_config(None, directory, timeouts=timeouts)
    script = ScriptDirectory.from_config(config)
    if script.get_revision(before or "base") is script.get_revision(revision):
        return ""
    config.output_buffer = io.StringIO()
    command.upgrade(config, f"{before or 'base'}:{revision}", sql=True)
    return config.output_buffer.getvalue()
