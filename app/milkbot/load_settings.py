"""Reading the configuration: one list of everything that is wrong, each with its name, its value and the mend."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError

from milkbot.errors import ConfigError
from milkbot.settings import PEM_MARK, Settings

_EMAIL_LOGIN = (
    "KALSHI_EMAIL and KALSHI_PASSWORD are not used: the exchange ended e-mail login in 2025; "
    "KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH authenticate"
)
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]*@")
_SECRET_HINTS = ("PASSWORD", "SECRET", "API_KEY")
# Variables of the runbook's scripts; the services read them nowhere.
_OF_SCRIPTS = frozenset({"MILKBOT_ALERT_WEBHOOK", "MILKBOT_HEALTHCHECKS_URL", "MILKBOT_BACKUP_BUCKET"})


def load_settings(environment: Mapping[str, str] | None = None, env_file: Path | None = None) -> Settings:
    """The settings from the environment, and below it from a file of NAME=value lines.

    Raises ConfigError with one sentence for each wrong variable. Names in the file that nobody reads are wrong too:
    a misspelt limit must not be a limit that does not hold.
    """
    given = dict(os.environ if environment is None else environment)
    problems: list[str] = []
    if env_file is not None:
        in_file = _read(env_file)
        problems += [_unknown(name, env_file) for name in in_file if not _is_known(name)]
        given = {**in_file, **given}
    values = {name.lower(): value for name, value in given.items() if name.lower() in Settings.model_fields}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        wrong = [line for row in error.errors() for line in _sentence(dict(row), given).splitlines()]
        raise ConfigError([_without_secrets(problem) for problem in problems + wrong]) from None
    if problems:
        raise ConfigError(problems)
    return settings


def warnings(settings: Settings) -> list[str]:
    """What is accepted, but does not do what its name promises."""
    if settings.kalshi_email or settings.kalshi_password:
        return [_EMAIL_LOGIN]
    return []


def _read(env_file: Path) -> dict[str, str]:
    try:
        text = env_file.open("r", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            [f"{env_file} cannot be read: {error.strerror}; run as its owner, or give another file"]
        ) from None
    with text:
        return {name: value or "" for name, value in dotenv_values(stream=text, interpolate=False).items()}


def _is_known(name: str) -> bool:
    return name.lower() in Settings.model_fields or name in _OF_SCRIPTS


def _unknown(name: str, env_file: Path) -> str:
    known = [field.upper() for field in Settings.model_fields]
    close = difflib.get_close_matches(name, known, n=1)
    mend = f"did you mean {close[0]}?" if close else "remove it"
    return f"{name} in {env_file} is not a variable of Milkbot: {mend}"


def _without_secrets(problem: str) -> str:
    """A sentence about an address does not show the password that somebody wrote into it."""
    return _USER_IN_ADDRESS.sub("(hidden)@", problem)


def _sentence(row: dict[str, object], given: Mapping[str, str]) -> str:
    location = row["loc"]
    message = str(row["msg"]).removeprefix("Value error, ")
    if not isinstance(location, tuple) or not location:
        return message
    name = str(location[0]).upper()
    value = given.get(name, "")
    secret = any(hint in name for hint in _SECRET_HINTS) or PEM_MARK in value
    shown = "(hidden)" if secret else repr(value)
    return f"{name} is {shown}: {message[0].lower()}{message[1:]}"
