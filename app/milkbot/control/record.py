"""What every act has in common: who says what to whom, and the row that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from milkbot.db import ticks
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.errors import MilkbotError
from milkbot.settings import Settings


@dataclass(frozen=True, slots=True)
class Acting:
    """One act: on which ledger, by whom, and where its sentences go, each as soon as it is true.

    `warn` takes those about what failed.
    """

    settings: Settings
    engine: Engine
    actor: str
    say: Callable[[str], None]
    warn: Callable[[str], None]

    @property
    def mode(self) -> TradingMode:
        """The trading mode whose ledger is acted on."""
        return self.settings.trading_mode


def now() -> datetime:
    """The moment of an act."""
    return SystemClock().now()


def reason_of(given: str, option: str, asked: str) -> str:
    """The operator's words. Raises MilkbotError where there are none; `asked` says what they should tell."""
    if not given.strip():
        raise MilkbotError(f"{option} is empty; say {asked}, it is the record of this act")
    return given


def keep(session: Session, mode: TradingMode, message: str, at: datetime, **about: Any) -> None:
    """Store the act among the risk events; `about` names its market, where it has one."""
    values = {"event_type": "operator", "severity": "info", "message": message, "event_time": at, **about}
    ticks.save_risk_event(session, trading_mode=mode, **values)
