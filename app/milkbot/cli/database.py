"""`milkbot rollups` and `milkbot db ...`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

import typer
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, OperationalError

from milkbot.analytics.rollups import run_rollups
from milkbot.cli.context import open_database, settings_of_host
from milkbot.db import migrate
from milkbot.db.session import first_line
from milkbot.errors import DatabaseUnavailableError, MilkbotError

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Rebuild this day whether it changed or not.")]
All = Annotated[bool, typer.Option("--all", help="Rebuild every day.")]
Revision = Annotated[str, typer.Argument(help="An Alembic revision.")]

_Answer = TypeVar("_Answer")

db = typer.Typer(help="Migrate the schema, and ask where it stands.", no_args_is_help=True)


def rollups(day: Day = None, every: All = False) -> None:
    """Recompute the rollups whose facts changed. The systemd timer calls this."""
    settings = settings_of_host("rollups")
    with open_database(settings, "rollups") as engine:
        done = run_rollups(engine, bankroll=settings.bankroll, day=day.date() if day else None, everything=every)
    kinds = (("city", done.cities), ("strategy", done.strategies), ("equity", done.equity_days))
    shown = (f"{number} {kind} day{'' if number == 1 else 's'}" for kind, number in kinds)
    typer.echo(f"recomputed: {', '.join(shown)}")


@db.command()
def upgrade(revision: Revision = "head") -> None:
    """Migrate up. Prints the revisions before and after; does nothing when nothing is due."""
    _migrate(upwards=True, revision=revision)


@db.command()
def downgrade(revision: Revision) -> None:
    """Migrate down to a revision. What the later revisions stored is lost: back up first."""
    _migrate(upwards=False, revision=revision)


@db.command()
def current() -> None:
    """Print the database's revision."""
    settings = settings_of_host("db", quiet=True)
    with open_database(settings, "db") as engine:
        typer.echo(_asked(lambda: migrate.current_revision(engine)) or "none")


@db.command()
def head() -> None:
    """Print this release's newest revision. Asks no database."""
    typer.echo(_asked(lambda: migrate.head_revision(migrate.alembic_config(None))))


@db.command()
def check() -> None:
    """Exit 0 if the database is at this release's newest revision, 1 with both revisions if not."""
    settings = settings_of_host("db", quiet=True)
    with open_database(settings, "db") as engine:
        found = _asked(lambda: migrate.current_revision(engine))
    wanted = migrate.head_revision(migrate.alembic_config(None))
    if found != wanted:
        raise MilkbotError(f"the database is at revision {found}, this release needs {wanted}; run: milkbot db upgrade")
    typer.echo(f"{found} is the newest revision")


def _migrate(*, upwards: bool, revision: str) -> None:
    settings = settings_of_host("db")
    run = migrate.upgrade if upwards else migrate.downgrade
    with open_database(settings, "migrate") as engine:
        before, after = _asked(lambda: run(engine, revision))
    typer.echo(f"{before or 'none'} -> {after or 'none'}" if before != after else f"{after} already")


def _asked(question: Callable[[], _Answer]) -> _Answer:
    """The database's answer, its errors in one sentence."""
    try:
        return question()
    except OperationalError as error:
        raise DatabaseUnavailableError(f"the database does not answer: {first_line(error)}") from error
    except DBAPIError as error:
        raise MilkbotError(
            f"the database refused, and nothing of that revision was kept: {first_line(error)}"
        ) from error
    except CommandError as error:
        raise MilkbotError(f"the migration cannot run: {error}") from error
