"""Finding and reading one recorded day: quotes at every change, the forecasts, the official high."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from milkbot.domain.markets import event_ticker
from milkbot.errors import ConfigError

SERIES = "KXHIGHNY"
"""The one series that was recorded."""

RECORDER_ZONE = ZoneInfo("America/Los_Angeles")
"""The recorder wrote its own local time, without an offset."""


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """Best bids of both legs of one market in cents, 0 for none, from that moment on."""

    at: datetime
    ticker: str
    yes_bid: int
    no_bid: int


@dataclass(frozen=True, slots=True)
class IssueRow:
    """One forecast of one day's maximum in whole degrees Fahrenheit."""

    target: date
    issued_at: datetime
    high: int


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that was recorded about a day. `high` is None where no integer was."""

    day: date
    quotes: tuple[QuoteRow, ...]
    issues: tuple[IssueRow, ...]
    high: int | None


def read_recording(folder: Path, day: date) -> Recording:
    """A day of the folder that holds nyc_quotes_*, or of that folder itself. Raises ConfigError for what is absent."""
    name = f"market_data_{event_ticker(SERIES, day)}.csv.gz"
    found = sorted([*folder.glob(name), *folder.glob(f"nyc_quotes_*/{name}")])
    if not found:
        problem = f"--replay {folder} holds no {name}; give the folder with nyc_quotes_*, and a --day that was recorded"
        raise ConfigError([problem])
    home = found[0].parent.parent
    forecasts = home / f"ndfd_nyc_maxt_{day:%Y-%m}.csv"
    if not forecasts.is_file():
        raise ConfigError([f"--replay {folder}: {forecasts} is absent; put the recorded forecasts next to the quotes"])
    try:
        quotes, issues = tuple(_quotes(found[0])), tuple(_issues(forecasts))
    except (ValueError, KeyError, OSError, EOFError, zlib.error) as error:
        raise ConfigError([f"--replay {folder}: the recording of {day} is not readable: {error}"]) from None
    if not quotes:
        raise ConfigError([f"--replay {folder}: {found[0].name} holds no quote"])
    return Recording(day, quotes, issues, _official_high(home.parent / "api_iem", day))


def _quotes(path: Path) -> Iterator[QuoteRow]:
    with gzip.open(path, "rt", newline="") as text:
        for row in csv.DictReader(text):
            at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=RECORDER_ZONE).astimezone(UTC)
            yield QuoteRow(at, row["market_ticker"], int(row["best_yes_bid"]), int(row["best_no_bid"]))


def _issues(path: Path) -> Iterator[IssueRow]:
    with path.open(newline="") as text:
        for row in csv.DictReader(text):
            issued_at = datetime.fromisoformat(row["issue_time_utc"])
            yield IssueRow(date.fromisoformat(row["target_date"]), issued_at.astimezone(UTC), int(row["ndfd_max_f"]))


def _official_high(folder: Path, day: date) -> int | None:
    path = folder / f"daily_nyc_{day:%Y_%m}.json"
    if not path.is_file():
        return None
    rows = json.loads(path.read_text("utf-8"))["data"]
    return next((round(row["max_tmpf"]) for row in rows if row["date"] == day.isoformat()), None)
