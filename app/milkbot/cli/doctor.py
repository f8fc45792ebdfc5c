"""`milkbot doctor`: is this host fit to trade? Each row is ok, warn or fail, and says what to do."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from milkbot.cli.context import env_file_of_host, log_as, needed_of_host, open_database
from milkbot.cli.host import tick_timer
from milkbot.cli.tables import show
from milkbot.db import findings, migrate, orders, state, ticks
from milkbot.db.ops import Tick
from milkbot.db.session import transaction
from milkbot.domain.cities import cities
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.domain.order_states import UNRESOLVED
from milkbot.domain.trading_state import TradingState
from milkbot.errors import ConfigError, ExitCode, MilkbotError
from milkbot.limits import limits_path, read_limits
from milkbot.load_settings import load_needed, warnings
from milkbot.settings import LEDGER_SETTINGS, Settings
from milkbot.trader.clients import open_venue, open_weather
from milkbot.trader.counts import TickCounts
from milkbot.venue.signing import load_credentials

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]

_MB = 1024 * 1024


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Row:
    """One check: its subject, its state, and what to do when it is not ok."""

    check: str
    verdict: Verdict
    detail: str


def doctor(as_json: Json = False) -> None:
    """Check configuration, keys, database, ledger, exchange, clock, weather and disk. Exit 1 if any row fails."""
    settings, problems = needed_of_host(frozenset())
    problems += log_as(settings, "doctor", quiet=True)
    rows = [Row("configuration", Verdict.FAIL, problem) for problem in problems]
    if not problems:
        rows = [Row("configuration", Verdict.OK, f"mode {settings.trading_mode}, {settings.exchange} exchange")]
    rows += [Row("configuration", Verdict.WARN, warning) for warning in warnings(settings)]
    if not limits():
        path = limits_path() or "a checkout has none"
        detail = f"no table of limits ({path}): clock, disk and newest tick are not judged; site.yml --tags health"
        rows.append(Row("limits", Verdict.WARN, detail))
    for check, needed in _CHECKS.items():
        rows += _guarded(check, needed)
    table = [(row.check, row.verdict, row.detail) for row in rows]
    show("Milkbot doctor", ("check", "verdict", "detail"), table, as_json=as_json)
    if any(row.verdict is Verdict.FAIL for row in rows):
        raise typer.Exit(ExitCode.FAILED)


def limits() -> dict[str, float]:
    """The limits of this host; empty where it has no table of them."""
    return read_limits(limits_path()) or {}


def _guarded(check: Callable[[Settings], Iterator[Row]], needed: frozenset[str]) -> list[Row]:
    """The rows of a check, as far as it came. One whose own settings are wrong is not made."""
    rows: list[Row] = []
    name = check.__name__.strip("_")
    try:
        settings, _ = load_needed(needed, env_file=env_file_of_host())
    except ConfigError:
        return [Row(name, Verdict.FAIL, "not checked: its settings are wrong, see configuration")]
    try:
        rows.extend(check(settings))
    except MilkbotError as error:
        rows.append(Row(name, Verdict.FAIL, str(error)))
    return rows


def _keys(settings: Settings) -> Iterator[Row]:
    path = settings.kalshi_private_key_path
    if path is None:
        yield Row("keys", Verdict.OK, f"none, and mode {settings.trading_mode} needs none")
        return
    load_credentials(settings.kalshi_api_key_id or "", path)
    yield Row("keys", Verdict.OK, f"{path} holds a private key, and is not open to everyone")


def _books(session: Session, settings: Settings, now: datetime) -> Iterator[Row]:
    found = findings.open_findings(session, settings.trading_mode)
    if not found:
        yield Row("findings", Verdict.OK, "none is open: the ledger and the exchange agree")
    for one in found:
        verdict = Verdict.FAIL if one.effect == TradingState.HALTED else Verdict.WARN
        yield Row(f"finding {one.id}", verdict, f"{one.message}; see: milkbot reconcile --list")
    unresolved = [row for row in orders.open_orders(session, settings.trading_mode) if row.state in UNRESOLVED]
    late = timedelta(minutes=settings.unknown_deadline_min)
    for order in unresolved:
        verdict = Verdict.FAIL if now - order.updated_at > late else Verdict.WARN
        fix = f"the next tick resolves it; if not, run: milkbot orders resolve {order.id} --as ... --reason ..."
        yield Row(f"order {order.id}", verdict, f"{order.state} since {order.updated_at:%Y-%m-%d %H:%M} UTC; {fix}")


def _database(settings: Settings) -> Iterator[Row]:
    now = SystemClock().now()
    wanted = migrate.head_revision(migrate.alembic_config(None))
    with open_database(settings, "doctor") as engine:
        with transaction(engine) as session:
            latest = ticks.latest_tick(session, settings.trading_mode)
            missed = ticks.missing_since(session, settings.trading_mode)
            record = state.current_state(session, settings.trading_mode)
            armed = state.live_is_armed(session, now)
        found = migrate.current_revision(engine)
        with transaction(engine) as session:
            rows = list(_books(session, settings, now)) if found == wanted else []
    yield Row("database", Verdict.OK, f"answers, {settings.database}")
    if found == wanted:
        yield Row("schema", Verdict.OK, f"revision {found}")
    else:
        yield Row("schema", Verdict.FAIL, f"revision {found}, this release needs {wanted}; run: milkbot db upgrade")
    allowed = record.at(now) if record else TradingState.ACTIVE
    if allowed is TradingState.ACTIVE:
        yield Row("trading state", Verdict.OK, "active")
    elif record is not None:
        yield Row("trading state", Verdict.WARN, f"{allowed}: {record.reason}; when fixed run: milkbot resume")
    if settings.trading_mode is TradingMode.LIVE and not armed:
        yield Row("live arming", Verdict.FAIL, "live trading is not armed; run: milkbot arm-live")
    yield from rows
    yield _newest_tick(latest, now)
    yield _markets_seen(missed, now)


def _markets_seen(missed: tuple[dict[str, int], datetime] | None, now: datetime) -> Row:
    """The row of that name of the health check: what the ticks should see, and did not."""
    name = "markets seen"
    if missed is None:
        return Row(name, Verdict.OK, "the newest completed tick missed none that was due")
    counts, since = missed
    minutes = (now - since).total_seconds() / 60
    late = minutes > limits().get("missing_fail_minutes", math.inf)
    lacks = ", ".join(f"{number} of {series}" for series, number in sorted(TickCounts.of_row(counts).missing.items()))
    fix = "was a series renamed? journalctl -u milkbot-trader -n 50; SELECT * FROM ops.unread_objects"
    return Row(name, Verdict.FAIL if late else Verdict.WARN, f"missing for {minutes:.0f} minutes: {lacks}; {fix}")


def _newest_tick(latest: Tick | None, now: datetime) -> Row:
    name, late = "newest tick", timedelta.max
    if "tick_late_seconds" in (known := limits()):
        late = timedelta(seconds=known["tick_late_seconds"])
    if latest is None:
        return Row(name, Verdict.WARN, "there was none yet; is milkbot-trader.timer active?")
    age = now - latest.started_at
    if age > late:
        ago = f"{age.total_seconds() / 60:.0f} minutes ago"
        timer = tick_timer()
        if timer is not None and now - timer.since <= late:
            comes = f", next tick at {timer.following:%H:%M:%S} UTC" if timer.following else ""
            started = f"milkbot-trader.timer was started at {timer.since:%H:%M:%S} UTC"
            return Row(name, Verdict.OK, f"{ago}; {started}{comes}")
        return Row(name, Verdict.FAIL, f"{ago}; run: systemctl status milkbot-trader.timer")
    if latest.outcome == "failed":
        return Row(name, Verdict.FAIL, f"failed: {latest.message}; run: journalctl -u milkbot-trader")
    return Row(name, Verdict.OK, f"{latest.outcome or 'running'}, {age.total_seconds():.0f} seconds ago")


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
    verdict = _by_limits(abs(skew), "clock_warn_seconds", "clock_fail_seconds")
    if verdict is Verdict.OK:
        return Row("clock", verdict, detail)
    return Row("clock", verdict, f"{detail}; synchronise it: systemctl status systemd-timesyncd")


def _by_limits(number: float, warn: str, fail: str) -> Verdict:
    """The verdict on a number that should be small, by the limits of those names."""
    known = limits()
    if number >= known.get(fail, math.inf):
        return Verdict.FAIL
    return Verdict.WARN if number >= known.get(warn, math.inf) else Verdict.OK


def _weather(settings: Settings) -> Iterator[Row]:
    clock = SystemClock()
    with open_weather(settings, clock) as weather:
        city = cities()[0]
        forecast = weather.high_forecast(city, city.climate_day_at(clock.now()))
    found = f"high of {forecast.degrees_f:.0f} F" if forecast else "no maximum for today any more"
    yield Row("weather", Verdict.OK, f"answers for {city.name}: {found}")


def _disk(settings: Settings) -> Iterator[Row]:
    del settings
    usage = shutil.disk_usage(Path.cwd().anchor)
    # As df has it: what only root may use counts as used.
    used = 100 * usage.used / (usage.used + usage.free)
    by_percent = _by_limits(used, "disk_warn_percent", "disk_fail_percent")
    free, known = usage.free / _MB, limits()
    by_room = Verdict.WARN if free < known.get("disk_warn_free_mb", 0) else Verdict.OK
    by_room = Verdict.FAIL if free < known.get("disk_fail_free_mb", 0) else by_room
    verdict = next((one for one in (Verdict.FAIL, Verdict.WARN) if one in (by_percent, by_room)), Verdict.OK)
    detail = f"{used:.0f} % full, {free:.0f} MB free"
    yield Row("disk", verdict, detail if verdict is Verdict.OK else f"{detail}; make room")


# Each check with the settings that it cannot do without.
_CHECKS: dict[Callable[[Settings], Iterator[Row]], frozenset[str]] = {
    _keys: frozenset({"kalshi_api_key_id", "kalshi_private_key_path"}),
    _database: LEDGER_SETTINGS,
    _exchange: frozenset({"kalshi_api_base", "kalshi_api_key_id", "kalshi_private_key_path"}),
    _weather: frozenset({"nws_api_base", "nws_user_agent"}),
    _disk: frozenset(),
}
