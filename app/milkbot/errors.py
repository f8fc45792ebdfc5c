"""The one error taxonomy: every error for an operator says the thing, the value and the fix."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """What `milkbot` leaves with. Stable: units, cron and playbooks read these (sysexits.h where it has a name)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 69
    INTERNAL = 70
    DATABASE = 71
    LOCKED = 75
    NOT_PERMITTED = 77
    CONFIG = 78


_LONGEST_LINE: Final = 1_500
"""Of an error, in characters: it goes into logs and alerts, whatever a server sent."""


class MilkbotError(Exception):
    """Base of all errors that are reported in one sentence instead of a traceback.

    What a server sent may be quoted in it. So nothing in it can steer a terminal, or fail to be written.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str = "") -> None:
        super().__init__("\n".join(map(_printable, message.split("\n"))))


def _printable(line: str) -> str:
    shown = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in shown)


class ConfigError(MilkbotError):
    """The configuration is wrong; `problems` holds one sentence for each wrong thing."""

    exit_code = ExitCode.CONFIG

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class VenueUnavailableError(MilkbotError):
    """The exchange or the weather service did not give a usable answer to a read."""

    exit_code = ExitCode.UNAVAILABLE


class DatabaseUnavailableError(MilkbotError):
    """The database did not answer. No database, no orders."""

    exit_code = ExitCode.DATABASE


class LockHeldError(MilkbotError):
    """Another tick is running on the same ledger."""

    exit_code = ExitCode.LOCKED


class NotPermittedError(MilkbotError):
    """Trading is halted, or live trading was not armed by an act of the operator."""

    exit_code = ExitCode.NOT_PERMITTED
