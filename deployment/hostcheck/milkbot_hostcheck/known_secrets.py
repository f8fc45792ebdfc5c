"""The secrets of this host, gathered to be hidden. They stay in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from milkbot_hostcheck import paths
from milkbot_hostcheck.masking import secrets_in, secrets_of_key

_LONGEST = 256_000


def of_this_host() -> set[str]:
    """Values of secret settings, passwords of .pgpass, lines of private keys, as far as this user may read them."""
    return {secret for secret in _found() if secret}


def _found() -> Iterator[str]:
    for path in paths.files(paths.SECRET_FILES):
        yield from secrets_in(_read(path))
    for path in paths.files(paths.PASSWORD_FILES):
        for line in _read(path).splitlines():
            yield line.rpartition(":")[2]
    for path in paths.files(paths.KEY_FILES):
        text = _read(path)
        if "PRIVATE KEY-----" in text:
            yield from secrets_of_key(text)
        elif "AGE-SECRET-KEY-" in text:
            yield from text.split()


def _read(path: Path) -> str:
    with suppress(OSError), path.open("rb") as file:
        return file.read(_LONGEST).decode("utf-8", "replace")
    return ""
