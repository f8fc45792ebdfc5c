"""Schema migrations: where they are, and running them under one lock with bounded waits."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

VERSION_SCHEMA = "ops"


def migrations_directory() -> Path:
    """The migrations beside this installation: a release's or a checkout's `app/migrations`."""
    return Path(sys.prefix).resolve().parent / "app" / "migrations"


def alembic_config(engine: Engine | None, directory: Path | None = None) -> Config:
    """Alembic's configuration without a file of its own. `engine` None is enough for offline commands."""
    config = Config()
    config.set_main_option("script_location", str(directory or migrations_directory()))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    return config


def head_revision(config: Config) -> str:
    """The newest revision of the code. Raises alembic's CommandError when the history is not one line."""
    head = ScriptDirectory.from_config(config).get_current_head()
    if head is None:
        raise RuntimeError("there is no migration beside this installation; it is incomplete, install it again")
    return head


def current_revision(engine: Engine) -> str | None:
    """The database's revision, None for one that was never migrated."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": VERSION_SCHEMA})
        return context.get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> tuple[str | None, str | None]:
    """Migrate up to `revision`; returns the revisions before and after. Safe to call when nothing is due."""
    before = current_revision(engine)
    command.upgrade(alembic_config(engine), revision)
    return before, current_revision(engine)


def downgrade(engine: Engine, revision: str) -> tuple[str | None, str | None]:
    """Migrate down to `revision`; returns the revisions before and after."""
    before = current_revision(engine)
    command.downgrade(alembic_config(engine), revision)
    return before, current_revision(engine)
