"""Errors in the journals since the last check that alerts: each is reported by one such check, and not for ever."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from milkbot_hostcheck.asking import Answer, ask
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, ok, span, unknown, warn

UNITS = ("milkbot-analytics", "milkbot-dashboard", "milkbot-trader", "milkbot-rollups")
_MOST = 1000
# Without a check before, or when the clock went back since: this far back.
_FIRST_LOOK = 3600.0
# Which unit an entry is about, if it is not the one that wrote it: a crash, a tool's word, systemd's own.
_ABOUT = ("COREDUMP_UNIT", "OBJECT_SYSTEMD_UNIT", "UNIT", "_SYSTEMD_UNIT")
_JSON = ("--quiet", "--no-pager", "--output=json", f"--output-fields={','.join(_ABOUT)}")

Entries = list[dict[str, Any]]


def rows(host: Host) -> Iterator[Row]:
    answer, entries = since(host, ["--priority=err", *(f"--unit={unit}*" for unit in UNITS)])
    if answer.code != 0:
        for unit in UNITS:
            yield unknown(f"log of {unit}", answer.why(), "journalctl --verify")
        return
    found = Counter(_unit_of(entry) for entry in entries)
    for unit in UNITS:
        yield _row(host, unit, found[unit])


def since(host: Host, matches: Sequence[str]) -> tuple[Answer, Entries]:
    """What matches, and came after the last check that alerts and before this one: what comes now is the next one's.

    By the entries' own times: journalctl of Debian 12 leaves out the first match after a cursor that does not match.
    """
    begin = host.now - _FIRST_LOOK
    if host.last_at is not None and host.last_at <= host.now:
        begin = host.last_at
    answer = ask(["journalctl", f"--since=@{int(begin)}", f"--lines={_MOST}", *_JSON, *matches], host.seconds)
    entries = [json.loads(line) for line in answer.output.splitlines() if line.startswith("{")]
    return answer, [entry for entry in entries if begin < int(entry["__REALTIME_TIMESTAMP"]) / 1e6 <= host.now]


def _unit_of(entry: dict[str, Any]) -> str:
    """Which of ours it is about; a helper of a deploy counts as its service."""
    name = str(next((entry[field] for field in _ABOUT if entry.get(field)), ""))
    return name.partition(".")[0].removesuffix("-next")


def _row(host: Host, unit: str, errors: int) -> Row:
    name = f"log of {unit}"
    ago = f"since the last check, {span(host.now - host.last_at)} ago" if host.last_at else "within an hour"
    if errors == 0:
        return ok(name, f"no errors {ago}", "none")
    count = f"{errors} or more" if errors >= _MOST else f"{errors}"
    return warn(name, f"{count} errors {ago}", f"journalctl -u {unit} -p err -n 50", "none")
