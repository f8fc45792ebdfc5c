"""Errors in the journals since the last check that alerts: each is reported by one such check, and not for ever."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from milkbot_health.asking import Answer, ask
from milkbot_health.host import Host
from milkbot_health.row import Row, ok, span, unknown, warn

UNITS = ("milkbot-analytics", "milkbot-dashboard", "milkbot-trader", "milkbot-rollups")
_MOST = 1000
# A look that alerts has never happened: this far back.
_FIRST_LOOK = "-1h"
# Which unit an entry is about, if it is not the one that wrote it: a crash, a tool's word, systemd's own.
_ABOUT = ("COREDUMP_UNIT", "OBJECT_SYSTEMD_UNIT", "UNIT", "_SYSTEMD_UNIT")
_JSON = ("--quiet", "--no-pager", "--output=json", f"--output-fields={','.join(_ABOUT)}")


def rows(host: Host) -> Iterator[Row]:
    """The end of the journal is noted first: what comes while this reads is the next check's."""
    tail = ask(["journalctl", "--lines=1", *_JSON], host.seconds)
    entries = _entries(tail)
    if not entries:
        for unit in UNITS:
            yield unknown(f"log of {unit}", tail.why() if tail.code else "the journal is empty", "journalctl --verify")
        return
    end = entries[-1]
    host.note["cursor"] = end["__CURSOR"]
    answer = since(host, ["--priority=err", f"--lines={_MOST}", *(f"--unit={unit}*" for unit in UNITS)])
    if answer.code != 0:
        for unit in UNITS:
            yield unknown(f"log of {unit}", answer.why(), "journalctl --verify")
        return
    found = Counter(
        _unit_of(entry)
        for entry in _entries(answer)
        if int(entry["__REALTIME_TIMESTAMP"]) <= int(end["__REALTIME_TIMESTAMP"])
    )
    for unit in UNITS:
        yield _row(host, unit, found[unit])


def since(host: Host, matches: Sequence[str]) -> Answer:
    """What matches, and came after the last check that alerts."""
    cursor = host.seen.get("cursor")
    if cursor:
        answer = ask(["journalctl", f"--after-cursor={cursor}", *_JSON, *matches], host.seconds)
        if answer.code == 0 or answer.late:
            return answer
    # The journal was removed, or another disk is in its place.
    begin = f"@{host.last_at:.0f}" if host.last_at else _FIRST_LOOK
    return ask(["journalctl", f"--since={begin}", *_JSON, *matches], host.seconds)


def _entries(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.output.splitlines() if line.startswith("{")]


def _unit_of(entry: dict[str, Any]) -> str:
    """Which of ours it is about; a helper of a deploy counts as its service."""
    name = str(next((entry[field] for field in _ABOUT if entry.get(field)), ""))
    return name.partition(".")[0].removesuffix("-next")


def _row(host: Host, unit: str, errors: int) -> Row:
    name = f"log of {unit}"
    since = f"since the last check, {span(host.now - host.last_at)} ago" if host.last_at else "within an hour"
    if errors == 0:
        return ok(name, f"no errors {since}", "none")
    count = f"{errors} or more" if errors >= _MOST else f"{errors}"
    return warn(name, f"{count} errors {since}", f"journalctl -u {unit} -p err -n 50", "none")
