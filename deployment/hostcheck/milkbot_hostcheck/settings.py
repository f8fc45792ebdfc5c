"""What the health check has to expect of this host: /etc/milkbot/health.env, and the channels beside it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

SETTINGS = Path("/etc/milkbot/health.env")
# The table of limits as the roles wrote it, for this check, diagnose.sh, `milkbot doctor` and Prometheus.
LIMITS = Path("/opt/milkbot/deployment/limits.json")
# The addresses hold tokens: a file of their own, which root alone reads.
CHANNELS = Path("/etc/milkbot/health-channels.json")


class SettingsError(Exception):
    """A setting is not what it should be; the message names it, its value and the remedy."""


@dataclass(frozen=True)
class Limits:
    """Where the platform warns and fails: every program reads these, by way of LIMITS, and has none of its own.

    health_limits of the role sets others; docs/health.md explains each.
    """

    answer_seconds: float = 8
    disk_warn_percent: float = 85
    disk_fail_percent: float = 95
    disk_warn_free_mb: float = 2048
    disk_fail_free_mb: float = 512
    inode_warn_percent: float = 85
    inode_fail_percent: float = 95
    memory_warn_percent: float = 10
    memory_fail_percent: float = 4
    connections_warn_percent: float = 80
    connections_fail_percent: float = 95
    archive_warn_seconds: float = 300
    archive_fail_seconds: float = 900
    tick_fail_intervals: float = 3
    rollup_fail_intervals: float = 3
    unknown_fail_minutes: float = 30
    weather_fail_minutes: float = 60
    missing_fail_minutes: float = 30
    results_warn_days: float = 2
    backup_grace_hours: float = 2
    record_fail_minutes: float = 15
    drill_warn_days: float = 8
    drill_fail_days: float = 15
    offsite_fail_hours: float = 26
    wal_backup_fail_hours: float = 26
    certificate_warn_days: float = 21
    certificate_fail_days: float = 3
    clock_warn_seconds: float = 2
    clock_fail_seconds: float = 5
    lock_warn_minutes: float = 30
    lock_fail_minutes: float = 120
    restarts_fail: float = 3
    alerts_warn_minutes: float = 15
    unattended_warn_days: float = 3
    unattended_fail_days: float = 7


def table(given: Mapping[str, float], trader_interval: float = 5, rollups_interval: float = 15) -> dict[str, float]:
    """The content of LIMITS, with what follows from the timers' intervals in minutes. TypeError: unknown name."""
    limits = Limits(**given)
    return {
        **asdict(limits),
        "trader_interval_minutes": trader_interval,
        "rollups_interval_minutes": rollups_interval,
        "tick_late_seconds": limits.tick_fail_intervals * trader_interval * 60,
        "rollup_late_seconds": limits.rollup_fail_intervals * rollups_interval * 60,
    }


@dataclass(frozen=True)
class Settings:
    """What the file says. What it lacks has its default: the check has to work on a host that is half set up."""

    domain: str = ""
    trading_mode: str = ""
    exchange_url: str = ""
    weather_url: str = ""
    postgres_unit: str = "postgresql.service"
    analytics_port: int = 8000
    dashboard_port: int = 8501
    trader_interval_minutes: float = 5
    rollups_interval_minutes: float = 15
    backup_offsite: bool = False
    pgbackrest: bool = False
    drill: bool = False
    record: bool = False
    size_by_evidence: bool = True
    unattended: bool = True
    alert_on: tuple[str, ...] = ("fail",)
    alert_repeat_hours: float = 4
    alert_timeout: int = 10
    limits: Limits = Limits()


@dataclass(frozen=True)
class Channels:
    """Whom alerts are told, and the dead man's switch. Never shown."""

    urls: tuple[str, ...] = ()
    ping: str = ""


def _value(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text not in ("yes", "no"):
            raise SettingsError(f"{name}={text} in {SETTINGS}: give yes or no")
        return text == "yes"
    if isinstance(default, tuple):
        return tuple(text.split())
    if isinstance(default, str):
        return text
    try:
        return type(default)(text)
    except ValueError:
        raise SettingsError(f"{name}={text} in {SETTINGS}: give a number") from None


def _limits(path: Path) -> dict[str, Any]:
    """The fields of Settings that the table fills."""
    try:
        found = {str(name): float(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path} is not what the role writes ({error}): site.yml --tags health") from None
    intervals: dict[str, Any] = {
        name: found[name] for name in ("trader_interval_minutes", "rollups_interval_minutes") if name in found
    }
    limits = {entry.name: found[entry.name] for entry in fields(Limits) if entry.name in found}
    return {**intervals, "limits": Limits(**limits)}


def read(path: Path = SETTINGS, limits: Path = LIMITS) -> Settings:
    """The settings of the host. Raises SettingsError for a value that is none; without the file all is as usual."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    given: dict[str, str] = {}
    for line in lines:
        name, equals, text = line.partition("=")
        if equals and not name.startswith("#"):
            given[name.strip()] = " ".join(shlex.split(text))
    known: dict[str, Any] = {}
    for entry in fields(Settings):
        name = entry.name.upper()
        if name in given:
            known[entry.name] = _value(name, given[name], entry.default)
    return Settings(**{**known, **_limits(limits)})


def read_channels(path: Path = CHANNELS) -> Channels:
    """Whom to tell. Raises SettingsError when the file is not the role's; its content is not shown."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Channels(tuple(str(url) for url in found["urls"]), str(found["ping"]))
    except FileNotFoundError:
        return Channels()
    except (ValueError, KeyError, TypeError):
        raise SettingsError(f"{path} is not what the role writes: site.yml --tags health") from None
