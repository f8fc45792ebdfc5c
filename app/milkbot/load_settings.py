"""Reading the configuration: one list of everything that is wrong, each with its name, its value and the fix."""

from __future__ import annotations

import difflib
import io
import os
import re
import sys
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
# A file that its reader may not open: who may gives it by a pipe.
STANDARD_INPUT = Path("-")
# Variables of the runbook's scripts; the services read them nowhere.
_OF_SCRIPTS = frozenset({"MILKBOT_ALERT_WEBHOOK", "MILKBOT_HEALTHCHECKS_URL", "MILKBOT_BACKUP_BUCKET"})


def load_settings(environment: Mapping[str, str] | None = None, env_file: Path | None = None) -> Settings:
    """The settings from the environment, and below it from a file of NAME=value lines.

    Raises ConfigError with one sentence for each wrong variable. Names in the file that nobody reads are wrong too:
    a misspelt limit must not be a limit that does not hold.
    """
    given, problems = _given(environment, env_file)
    try:
        settings = Settings.model_validate(_values(given))
    except ValidationError as error:
        raise ConfigError(problems + [sentence for _, sentence in _wrong(error, given)]) from None
    if problems:
        raise ConfigError(problems)
    return settings


def load_needed(
    needed: frozenset[str], environment: Mapping[str, str] | None = None, env_file: Path | None = None
) -> tuple[Settings, list[str]]:
    """Settings of which only the `needed` fields have to be right, and one sentence for each thing that is wrong.

    What is wrong and not needed has its default: an operator can always stop the trader. Raises ConfigError with the
    sentences on the needed fields.
    """
    given, problems = _given(environment, env_file)
    values = _values(given)
    try:
        settings, wrong = Settings.model_validate(values, context={"apart": True}), []
    except ValidationError as error:
        wrong = _wrong(error, given)
        bad = {field for fields, _ in wrong for field in fields}
        right = {name: value for name, value in values.items() if name not in bad}
        settings = Settings.model_validate(right, context={"apart": True})
    bad = {field for fields, _ in wrong for field in fields}
    # What a default says is not what somebody wrote.
    wrong += [(fields, _without_secrets(said)) for fields, said in settings.problems_between() if not fields & bad]
    if in_the_way := [sentence for fields, sentence in wrong if fields & needed]:
        raise ConfigError(in_the_way)
    return settings, problems + [sentence for _, sentence in wrong]


def _given(environment: Mapping[str, str] | None, env_file: Path | None) -> tuple[dict[str, str], list[str]]:
    """Names and values, those of the environment before those of the file, and what is wrong with the file."""
    given = dict(os.environ if environment is None else environment)
    if env_file is None:
        return given, []
    in_file, problems = _read(env_file)
    problems += [_unknown(name, env_file) for name in in_file if not _is_known(name)]
    return {**in_file, **given}, problems


def _values(given: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in given.items() if name.lower() in Settings.model_fields}


def _wrong(error: ValidationError, given: Mapping[str, str]) -> list[tuple[frozenset[str], str]]:
    """The fields and a sentence for each thing that validation found."""
    found: list[tuple[frozenset[str], str]] = []
    for row in error.errors():
        fields = frozenset({str(row["loc"][0])} if row["loc"] else ())
        found += [(fields, _without_secrets(line)) for line in _sentence(dict(row), given).splitlines()]
    return found


def warnings(settings: Settings) -> list[str]:
    """What is accepted, but does not do what its name promises."""
    if settings.kalshi_email or settings.kalshi_password:
        return [_EMAIL_LOGIN]
    return []


def _read(env_file: Path) -> tuple[dict[str, str], list[str]]:
    try:
        content = sys.stdin.buffer.read() if env_file == STANDARD_INPUT else env_file.read_bytes()
    except OSError as error:
        raise ConfigError(
            [f"{env_file} cannot be read: {error.strerror}; run as its owner, or give another file"]
        ) from None
    try:
        text, problems = content.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text, problems = content.decode("utf-8", "replace"), [f"{env_file} is not UTF-8 in line {line}: write it anew"]
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value or "" for name, value in found.items()}, problems


def _is_known(name: str) -> bool:
    return name.lower() in Settings.model_fields or name in _OF_SCRIPTS


def _unknown(name: str, env_file: Path) -> str:
    known = [field.upper() for field in Settings.model_fields]
    close = difflib.get_close_matches(name, known, n=1)
    fix = f"did you mean {close[0]}?" if close else "remove it"
    place = "" if env_file == STANDARD_INPUT else f" in {env_file}"
    return f"{name}{place} is not a variable of Milkbot: {fix}"


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
