"""The kill file: whoever may write one file can stop the trader, without its commands, its database or its exchange."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Engine

from milkbot.errors import MilkbotError
from milkbot.settings import Settings
from milkbot.trader.orders import order_group
from milkbot.venue.client import KalshiClient
from milkbot.venue.values import VenueOrder

log = structlog.get_logger(__name__)


def found(path: Path) -> str | None:
    """What to say of the kill file, None when it is not there. One that cannot be checked counts as there."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"the kill file {path} cannot be checked: {error.strerror}"
    return f"the kill file {path} exists"


def write(path: Path, words: str) -> None:
    """Put it there; the words are for whoever finds it. Raises MilkbotError where that does not work.

    The trader may write to that directory, and whoever halts it may write elsewhere too: no link is followed.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        with os.fdopen(file, "w", encoding="utf-8") as writing:
            writing.write(words)
    except OSError as error:
        raise MilkbotError(
            f"the kill file {path} cannot be written: {error.strerror}; as root type: touch {path}"
        ) from None


def obey(engine: Engine, venue: KalshiClient, settings: Settings, resting: Sequence[VenueOrder], now: datetime) -> int:
    """While the file is there, leave no resting order on the account, manual orders included.

    Returns how many cancels were sent. If the exchange refuses, the next tick sends them again.
    """
    reason = found(settings.kill_file)
    if reason is None:
        return 0
    try:
        order_group.trigger(engine, venue, settings.trading_mode, now, reason)
    except MilkbotError as error:
        log.error("order group not triggered", problem=str(error))
    if not resting:
        return 0
    try:
        venue.cancel_all()
    except MilkbotError as error:
        log.error("orders not canceled", problem=str(error))
        return 0
    return len(resting)
