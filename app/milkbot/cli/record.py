"""`milkbot record`: keep what is public of the traded series, and read a recording through."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from milkbot.cli.context import settings_of_host
from milkbot.domain.clock import SystemClock
from milkbot.errors import ExitCode, MilkbotError, VenueUnavailableError
from milkbot.http import Backoff
from milkbot.recorder import files
from milkbot.recorder.run import READ_LIMIT, Recorder, RunReport
from milkbot.recorder.verify import LONGEST_PAUSE, verify
from milkbot.settings import Settings
from milkbot.textfile import recorded_run
from milkbot.venue.transport import VenueSession
from milkbot.weather.client import WeatherClient

STATE = "state.json"
REMEMBERED = 30
_GB = 1_000_000_000
# The next run is a minute away.
_BACKOFF = Backoff(attempts=2, base_seconds=0.5, longest_seconds=2.0)

Root = Annotated[Path, typer.Option("--directory", help="Where the recording is.")]
Limit = Annotated[float, typer.Option(min=0.001, help="Gigabytes; beyond them the oldest days are removed.")]
Pause = Annotated[float, typer.Option(min=1, help="Minutes without a run that count as missing.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
HOME = Path("/var/lib/milkbot-record")

record = typer.Typer(help="Record what is public of the traded series, for backtests.", invoke_without_command=True)


@record.callback()
def run(context: typer.Context, directory: Root = HOME, limit_gb: Limit = 5.0) -> None:
    """Read order books, trades, events, forecasts and observations once, and add them to the recording.

    The systemd timer calls this each minute. It needs no key of the exchange, and no database. Exit codes: 0 done, 69
    nothing could be read, 75 another run is under way.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_of_host("record")
    began = time.monotonic()
    with recorded_run(settings.milkbot_metrics_directory, "record"):
        try:
            report = _run_once(settings, directory, int(limit_gb * _GB))
        except OSError as error:
            raise MilkbotError(f"{directory} cannot be written: {error}; free its disk, or fix its owner") from error
        write_state(directory, report, time.monotonic() - began, int(limit_gb * _GB))
        if not report.lines.total() - len(report.problems):
            raise VenueUnavailableError(f"nothing could be read: {report.problems[0]}")
    for day in report.removed:
        typer.echo(f"removed {day}: the recording had more than {limit_gb:g} GB")
    typer.echo(f"{report.lines.total()} lines, {len(report.problems)} problems")


@record.command("verify")
def verify_command(
    directory: Root = HOME, longest_pause: Pause = LONGEST_PAUSE.seconds / 60, as_json: Json = False
) -> None:
    """Read everything, check the checksums, and say what is missing. Exit code 1 where something is damaged."""
    found = verify(directory, timedelta(minutes=longest_pause))
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    elif found.first is None or found.last is None:
        typer.echo(f"{directory} holds no recording")
    else:
        typer.echo(
            f"{found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC, {found.hours} hours, {found.bytes} bytes"
        )
        typer.echo(", ".join(f"{count} {kind}" for kind, count in sorted(found.lines.items())))
        typer.echo(f"{found.problems} reads failed")
    for start, end in () if as_json else found.gaps:
        typer.echo(f"missing: {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC, no run")
    for ticker in () if as_json else found.unsettled:
        typer.echo(f"missing: the result of {ticker}")
    for problem in () if as_json else found.damage:
        typer.echo(f"damaged: {problem}")
    if found.damage:
        raise typer.Exit(ExitCode.FAILED)


def _run_once(settings: Settings, directory: Path, limit_bytes: int) -> RunReport:
    clock = SystemClock()
    venue = VenueSession(settings.kalshi_api_base, None, clock, backoff=_BACKOFF)
    venue.reads.resize(READ_LIMIT)
    weather = WeatherClient(
        settings.nws_api_base,
        settings.nws_user_agent,
        clock,
        cache_seconds=0,
        cache_directory=settings.milkbot_cache_directory,
        backoff=_BACKOFF,
    )
    with closing(venue), closing(weather):
        return Recorder(directory, venue, weather, settings.trading_series, clock).run(limit_bytes)


def write_state(directory: Path, report: RunReport, seconds: float, limit_bytes: int) -> None:
    """How the run ended, for the health check: in the form of the backups' states, with what the recording takes."""
    path = directory / STATE
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    before = _read_state(path)
    is_good = not report.problems
    removed = [*before.get("removed", []), *({"day": day, "at": at} for day in report.removed)]
    days = files.days(directory)
    state = {
        "at": at,
        "result": "good" if is_good else "failed",
        "reason": "" if is_good else f"{len(report.problems)} reads failed, the first: {report.problems[0]}",
        "seconds": round(seconds, 1),
        "last_good_at": at if is_good else before.get("last_good_at", ""),
        "bytes": sum(files.size_of(day) for day in days),
        "limit_bytes": limit_bytes,
        "first_day": days[0].name,
        "removed": removed[-REMEMBERED:],
    }
    files.write_whole(path, f"{json.dumps(state)}\n".encode())


def _read_state(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
