"""`milkbot rollups` and `milkbot db ...`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Protocol, TypeVar

import typer
from alembic.util import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from milkbot.analytics import metrics, rebuild
from milkbot.analytics.rollups import RollupReport, run_rollups
from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import show
from milkbot.db import migrate
from milkbot.db.migrate import TIMEOUTS, Timeouts
from milkbot.db.session import first_line
from milkbot.errors import DatabaseUnavailableError, ExitCode, MilkbotError
from milkbot.smoke import suite
from milkbot.textfile import recorded_run

Rebuild = Annotated[bool, typer.Option("--rebuild", help="Recompute all days, or those given, changed or not.")]
From = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day to rebuild.")]
To = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day to rebuild.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Revision = Annotated[str, typer.Argument(help="An Alembic revision.")]
Range = Annotated[
    str, typer.Argument(metavar="FROM:TO", help="Revisions; `current` reads the database, `base` is a new one.")
]
Lock = Annotated[int, typer.Option(min=1, max=60, help="Seconds that a migration may wait for one lock.")]
Statement = Annotated[int, typer.Option(min=1, max=86400, help="Seconds that one statement of it may run.")]

_Answer = TypeVar("_Answer")

# What to do about a lock that was waited for too long, and about a statement that ran too long.
_FIXES = {
    "55P03": "run it again when its tables are less busy, or give it longer: --lock-timeout",
    "57014": "make it do less at once, or give it longer: --statement-timeout",
}

db = typer.Typer(help="Migrate the schema, and show its revision.", no_args_is_help=True)


def rollups(every: Rebuild = False, first: From = None, last: To = None) -> None:
    """Recompute the rollups whose facts changed. The systemd timer calls this.

    A rebuild prints a line for each month that is done. One that was killed goes on there when it is run again.
    """
    if every:
        _rebuild(first.date() if first else None, last.date() if last else None)
        return
    if first or last:
        raise typer.BadParameter("the days are those of a rebuild; add --rebuild", param_hint="--from, --to")
    settings = settings_of_host("rollups")
    directory = settings.milkbot_metrics_directory
    with recorded_run(directory, "rollups"), open_database(settings, "rollups") as engine:
        done = run_rollups(engine, bankroll=settings.bankroll)
        metrics.publish(directory, engine, done)
    typer.echo(f"recomputed: {_counted(done)}")


def _rebuild(first: date | None, last: date | None) -> None:
    """It is not a run of the timer's, so it writes no metrics of one."""
    if first and last and first > last:
        raise typer.BadParameter(f"{first} is after {last}", param_hint="--from, --to")
    settings = settings_of_host("rollups")
    with open_database(settings, "rebuild", statement_seconds=rebuild.STATEMENT_SECONDS) as engine:
        done = rebuild.rebuild(engine, bankroll=settings.bankroll, first=first, last=last, report=_print_progress)
    typer.echo(f"rebuilt: {_counted(done)}")


def _print_progress(made: rebuild.Progress | rebuild.Resumed) -> None:
    if isinstance(made, rebuild.Resumed):
        begun = f"{made.started_at:%Y-%m-%d %H:%M} UTC"
        typer.echo(f"continues the rebuild of {begun}: {made.done} of {made.total} chunks were done")
        return
    typer.echo(f"{made.number} of {made.total}: {made.chunk}, {made.seconds:.1f} s: {_counted(made.report)}")


def _counted(done: RollupReport) -> str:
    kinds = (("city", done.cities), ("strategy", done.strategies), ("equity", done.equity_days))
    shown = (f"{number} {kind} day{'' if number == 1 else 's'}" for kind, number in kinds)
    more = (("markout", done.markouts), ("scored event", done.scored_events))
    also = (f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in more)
    return ", ".join([*shown, *also])


@db.command()
def upgrade(
    revision: Revision = "head", lock_timeout: Lock = TIMEOUTS.lock, statement_timeout: Statement = TIMEOUTS.statement
) -> None:
    """Migrate up. Prints the revisions before and after; does nothing when no migration is pending."""
    _migrate(migrate.upgrade, revision, Timeouts(lock_timeout, statement_timeout))


@db.command()
def downgrade(
    revision: Revision, lock_timeout: Lock = TIMEOUTS.lock, statement_timeout: Statement = TIMEOUTS.statement
) -> None:
    """Migrate down to a revision. What the later revisions stored is lost: back up first."""
    _migrate(migrate.downgrade, revision, Timeouts(lock_timeout, statement_timeout))


@db.command()
def sql(revisions: Range = "current:head") -> None:
    """Print the SQL of migrations without running it; nothing when none is pending."""
    before, separator, after = revisions.partition(":")
    if not (before and separator and after):
        raise typer.BadParameter(
            f"{revisions!r} is no FROM:TO; for example current:head, base:0002", param_hint="FROM:TO"
        )
    found: str | None = before
    if before == "current":
        settings = settings_of_host("db", quiet=True)
        with open_database(settings, "db") as engine:
            found = _asked(lambda: migrate.current_revision(engine))
    typer.echo(_asked(lambda: migrate.offline_sql(found, after)), nl=False)


@db.command()
def current() -> None:
    """Print the database's revision."""
    settings = settings_of_host("db", quiet=True)
    with open_database(settings, "db") as engine:
        typer.echo(_asked(lambda: migrate.current_revision(engine)) or "none")


@db.command()
def head() -> None:
    """Print this release's newest revision. Reads no database."""
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


class _Run(Protocol):
    """`migrate.upgrade` or `migrate.downgrade`."""

    def __call__(self, engine: Engine, revision: str, *, timeouts: Timeouts) -> tuple[str | None, str | None]: ...


@db.command()
def smoke(as_json: Json = False) -> None:
    """Try this release's own statements on the database as it is. Commits nothing; exit 1 if any fails."""
    settings = settings_of_host("smoke", quiet=True)
    outcomes = suite.run(settings.database, settings.trading_mode)
    columns = ("role", "check", "verdict", "ms", "detail")
    rows = [
        (found.role, found.check, "fail" if found.problem else "ok", found.milliseconds, found.problem or None)
        for found in outcomes
    ]
    show("Statements of this release", columns, rows, as_json=as_json)
    if any(found.problem for found in outcomes):
        raise typer.Exit(ExitCode.FAILED)


def _migrate(run: _Run, revision: str, timeouts: Timeouts) -> None:
    settings = settings_of_host("db")
    with open_database(settings, "migrate", statement_seconds=timeouts.statement) as engine:
        before, after = _asked(lambda: run(engine, revision, timeouts=timeouts))
    typer.echo(f"{before or 'none'} -> {after or 'none'}" if before != after else f"{after} already")


def _asked(question: Callable[[], _Answer]) -> _Answer:
    """The database's answer, its errors in one sentence."""
    try:
        return question()
    except OperationalError as error:
        if (fix := _FIXES.get(getattr(error.orig, "sqlstate", None) or "")) is not None:
            kept = "the migration ended by its timeout, and nothing of that revision was kept"
            raise MilkbotError(f"{kept}: {first_line(error)}; {fix}") from error
        raise DatabaseUnavailableError(f"the database does not answer: {first_line(error)}") from error
    except DBAPIError as error:
        raise MilkbotError(
            f"the database refused, and nothing of that revision was kept: {first_line(error)}"
        ) from error
    except CommandError as error:
        raise MilkbotError(f"the migration cannot run: {error}") from error
