"""`milkbot doctor`: is this host fit to trade? Each row is ok, warn or fail, with the mend in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import show
from milkbot.db import migrate, state, ticks
from milkbot.db.session import transaction
from milkbot.domain.cities import cities
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import TradingState
from milkbot.errors import ExitCode, MilkbotError
from milkbot.settings import Settings
from milkbot.trader.doors import open_venue, open_weather

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]

_SKEW_WARN_SECONDS = 2.0
_SKEW_FAIL_SECONDS = 10.0
_DISK_WARN = 0.10
_TICK_LATE_SECONDS = 15 * 60


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Row:
    """One check: what was looked at, how it stands, and what to do when it is not ok."""

    check: str
    verdict: Verdict
    detail: str


def doctor(as_json: Json = False) -> None:
    """Check configuration, database, exchange, weather, clock and disk. Exit 1 if any row fails."""
    settings = settings_of_host("doctor", quiet=True)
    rows = [Row("configuration", Verdict.OK, f"mode {settings.trading_mode}, {settings.exchange} exchange")]
    for check in (_database, _exchange, _weather, _disk):
        rows += _guarded(check, settings)
    table = [(row.check, row.verdict, row.detail) for row in rows]
    show("Milkbot doctor", ("check", "verdict", "detail"), table, as_json=as_json)
    if any(row.verdict is Verdict.FAIL for row in rows):
        raise typer.Exit(ExitCode.FAILED)


def _guarded(check: Callable[[Settings], Iterator[Row]], settings: Settings) -> list[Row]:
    rows: list[Row] = []
    try:
        rows.extend(check(settings))
    except MilkbotError as error:
        rows.append(Row(check.__name__.strip("_"), Verdict.FAIL, str(error)))
    return rows


def _database(settings: Settings) -> Iterator[Row]:
    now = SystemClock().now()
    with open_database(settings, "doctor") as engine:
        with transaction(engine) as session:
            latest = ticks.latest_tick(session, settings.trading_mode)
            record = state.current_state(session, settings.trading_mode)
            armed = state.live_is_armed(session, now)
        found = migrate.current_revision(engine)
    wanted = migrate.head_revision(migrate.alembic_config(None))
    yield Row("database", Verdict.OK, f"answers, {settings.database}")
    if found == wanted:
        yield Row("schema", Verdict.OK, f"revision {found}")
    else:
        yield Row("schema", Verdict.FAIL, f"revision {found}, this release needs {wanted}; run: milkbot db upgrade")
    allowed = record.at(now) if record else TradingState.ACTIVE
    if allowed is TradingState.ACTIVE:
        yield Row("trading state", Verdict.OK, "active")
    elif record is not None:
        yield Row("trading state", Verdict.WARN, f"{allowed}: {record.reason}; when mended run: milkbot resume")
    if settings.trading_mode is TradingMode.LIVE and not armed:
        yield Row("live arming", Verdict.FAIL, "live trading is not armed; run: milkbot arm-live")
    if latest is None:
        yield Row("newest tick", Verdict.WARN, "there was none yet; is milkbot-trader.timer active?")
    elif (age := (now - latest.started_at).total_seconds()) > _TICK_LATE_SECONDS:
        yield Row(
            "newest tick", Verdict.FAIL, f"{age / 60:.0f} minutes ago; look at: systemctl status milkbot-trader.timer"
        )
    elif latest.outcome == "failed":
        yield Row("newest tick", Verdict.FAIL, f"failed: {latest.message}; look at: journalctl -u milkbot-trader")
    else:
        yield Row("newest tick", Verdict.OK, f"{latest.outcome or 'running'}, {age:.0f} seconds ago")


def _exchange(settings: Settings) -> Iterator[Row]:
    # The clock is a row of its own here, so a wrong one must not hide the others.
    with open_venue(settings, SystemClock(), max_skew_seconds=None) as venue:
        status = venue.exchange_status()
        skew = venue.clock_skew_seconds
        yield Row(
            "exchange",
            Verdict.OK if status.trading_active else Verdict.WARN,
            "open" if status.trading_active else "answers, but trading is paused",
        )
        # Before the account: a wrong clock is why signatures are refused.
        if skew is not None:
            yield _clock(skew)
        if settings.kalshi_api_key_id:
            yield Row("account", Verdict.OK, f"{venue.balance().cash:.2f} dollars free")


def _clock(skew: float) -> Row:
    detail = f"{skew:+.1f} seconds against the exchange"
    if abs(skew) <= _SKEW_WARN_SECONDS:
        return Row("clock", Verdict.OK, detail)
    verdict = Verdict.FAIL if abs(skew) > _SKEW_FAIL_SECONDS else Verdict.WARN
    return Row("clock", verdict, f"{detail}; synchronise it: systemctl status systemd-timesyncd")


def _weather(settings: Settings) -> Iterator[Row]:
    clock = SystemClock()
    with open_weather(settings, clock) as weather:
        city = cities()[0]
        forecast = weather.high_forecast(city, city.climate_day_at(clock.now()))
    found = f"high of {forecast.high_f:.0f} F" if forecast else "no maximum for today any more"
    yield Row("weather", Verdict.OK, f"answers for {city.name}: {found}")


def _disk(settings: Settings) -> Iterator[Row]:
    del settings
    usage = shutil.disk_usage(Path.cwd().anchor)
    free = usage.free / usage.total
    verdict = Verdict.WARN if free < _DISK_WARN else Verdict.OK
    yield Row("disk", verdict, f"{free:.0%} free" + ("; make room" if verdict is Verdict.WARN else ""))
