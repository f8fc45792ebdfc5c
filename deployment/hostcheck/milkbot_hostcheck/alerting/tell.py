"""Telling the channels: each message is kept until every channel has taken it, and no channel holds up another."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from milkbot_hostcheck.asking import ask

# Apprise, in an environment of its own that no release carries away, and the notifier's own program for it.
PYTHON = Path("/opt/milkbot-tools/alerts/bin/python")
PROGRAM = Path(__file__).resolve().parents[2] / "channels.py"
_GRACE_SECONDS = 10
# Beyond that the oldest go: a channel that is dead for days is not told each word of them.
_MOST = 50

Entry = dict[str, Any]


def mark(url: str) -> str:
    """Tells one channel from another in the spool, which so holds no address."""
    return hashlib.sha256(url.encode()).hexdigest()[:12]


def add(spool: Sequence[Entry], message: dict[str, str], urls: Sequence[str], now: float) -> list[Entry]:
    """The spool with a message for every channel; without one there is nobody to tell."""
    left = [mark(url) for url in urls]
    return [*spool, *([{"at": now, **message, "left": left}] if left else [])][-_MOST:]


def flush(spool: Sequence[Entry], urls: Sequence[str], seconds: int) -> tuple[list[Entry], str]:
    """Send what waits; returns what waits still, and why in words without an address.

    Channels that wait for the same messages are told together. Bounded: `seconds` and a little for each such group.
    """
    known = {mark(url): (number, url) for number, url in enumerate(urls, start=1)}
    # An address that was taken out of the settings gets no more messages.
    waiting = [{**entry, "left": [each for each in entry["left"] if each in known]} for entry in spool]
    waiting = [entry for entry in waiting if entry["left"]]
    groups = defaultdict[tuple[int, ...], list[str]](list)
    for each in known:
        if numbers := tuple(number for number, entry in enumerate(waiting) if each in entry["left"]):
            groups[numbers].append(each)
    problems: dict[int, str] = {}
    for numbers, marks in groups.items():
        told = _joined([waiting[number] for number in numbers])
        for each, wrong in zip(marks, _send([known[each][1] for each in marks], told, seconds), strict=True):
            if wrong:
                problems[known[each][0]] = wrong
                continue
            for number in numbers:
                waiting[number]["left"].remove(each)
    said = "; ".join(f"channel {number} of {len(urls)}: {problems[number]}" for number in sorted(problems))
    return [entry for entry in waiting if entry["left"]], said


def _joined(entries: Sequence[Entry]) -> dict[str, str]:
    """What waits for a channel as one message, the oldest first."""
    if len(entries) == 1:
        return {name: entries[0][name] for name in ("title", "body", "type")}
    parts = [f"{_at(entry)} {entry['title']}\n{entry['body']}" for entry in entries]
    last = entries[-1]
    title = f"{last['title']} (with {len(entries) - 1} that did not arrive before)"
    return {"title": title, "body": "\n\n".join(parts), "type": last["type"]}


def _at(entry: Entry) -> str:
    return time.strftime("%m-%d %H:%M", time.gmtime(entry["at"]))


def _send(urls: Sequence[str], told: dict[str, str], seconds: int) -> list[str | None]:
    """What is wrong with each. The addresses go by standard input, and nothing that Apprise prints comes out."""
    given = json.dumps({"urls": list(urls), "timeout": seconds, **told})
    answer = ask([str(PYTHON), "-I", str(PROGRAM)], seconds + _GRACE_SECONDS, given=given)
    try:
        found = json.loads(answer.output)
        wrong = list(found["wrong"]) if found["apprise"] else []
    except (ValueError, KeyError, TypeError):
        wrong = []
    if len(wrong) != len(urls):
        why = "no end in time" if answer.late else "Apprise is not there, or broken; site.yml --tags health installs it"
        return [why for _ in urls]
    return wrong
