"""One message of everything that there is to tell."""

from __future__ import annotations

import time
from collections.abc import Sequence

from milkbot_hostcheck.alerting.alerts import Kind, News
from milkbot_hostcheck.row import State, span

# A chat shows no more, and several of them refuse more.
_MOST_LINES = 20
_ORDER = {Kind.NEW: 0, Kind.AGAIN: 1, Kind.WELL: 2}


def compose(news: Sequence[News], left: int, *, host: str, release: str, now: float) -> dict[str, str]:
    """Title, body and type, as Apprise calls them. `left` is how many rows are told of and not well, with these."""
    lines = [_line(entry, now) for entry in sorted(news, key=lambda entry: (_ORDER[entry.kind], entry.name))]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES} more: healthcheck.sh"]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return {
        "title": f"milkbot: {_title(news, left)} on {host}",
        "body": "\n".join([*lines, f"release: {release or 'none'}", f"at: {at}"]),
        "type": _type(news),
    }


def _title(news: Sequence[News], left: int) -> str:
    new = sum(entry.kind is Kind.NEW for entry in news)
    if new:
        fails = sum(entry.kind is Kind.NEW and entry.state is State.FAIL for entry in news)
        what = f"{fails} checks FAIL" if fails > 1 else "a check FAILS" if fails else "a warning"
        return what if left == new else f"{what}, {left} in all"
    if left == 0:
        return "all is well again"
    if any(entry.kind is Kind.AGAIN for entry in news):
        return f"{left} still not well"
    return f"{len(news)} well again, {left} still not"


def _type(news: Sequence[News]) -> str:
    bad = {entry.state for entry in news if entry.kind is not Kind.WELL}
    return "failure" if State.FAIL in bad else "warning" if bad else "success"


def _line(entry: News, now: float) -> str:
    for_so_long = span(now - entry.since)
    if entry.kind is Kind.WELL:
        state = "" if entry.state is State.OK else f" ({entry.state.value})"
        return f"WELL AGAIN after {for_so_long}{state}: {entry.name}: {entry.value}"
    word = "FAIL" if entry.state is State.FAIL else "WARN"
    again = f", for {for_so_long} now" if entry.kind is Kind.AGAIN else ""
    return f"{word}{again}: {entry.name}: {entry.value} -> {entry.remedy}"
