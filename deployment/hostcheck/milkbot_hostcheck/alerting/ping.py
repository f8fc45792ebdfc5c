"""The dead man's switch: somebody elsewhere who hears nothing any more knows what this host cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from milkbot_hostcheck.asking import ask
from milkbot_hostcheck.row import Row, State

_SECONDS = 10
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def ping(url: str, rows: Sequence[Row]) -> str:
    """Say that all is well, or with /fail which rows are not. Returns what went wrong, without the address."""
    failing = [row for row in rows if row.state is State.FAIL]
    body = "\n".join(row.line() for row in failing) or f"{len(rows)} rows, none fails"
    # The address is a secret: it goes in by standard input, not by the arguments that everybody can read.
    settings = {"url": where(url) if not failing else where(url, "fail"), "data-raw": body}
    given = "".join(f'{name} = "{value.translate(_ESCAPES)}"\n' for name, value in settings.items())
    command = ["curl", "--silent", "--fail", "--max-time", str(_SECONDS), "--output", "/dev/null", "--config", "-"]
    command += ["--header", "Content-Type: text/plain; charset=utf-8", "--write-out", "%{http_code}"]
    answer = ask(command, _SECONDS + 2, given=given)
    if answer.code == 0:
        return ""
    return f"it answered {answer.output}" if answer.output not in ("", "000") else f"curl left with {answer.code}"


def where(url: str, *parts: str) -> str:
    """The address with parts added to its path, before its query."""
    split = urlsplit(url)
    return urlunsplit(split._replace(path="/".join([split.path.rstrip("/"), *parts])))
