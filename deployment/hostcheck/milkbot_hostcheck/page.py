"""One page of a terminal: what is wrong, why we think so, what to type."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from milkbot_hostcheck.asking import NOT_FOUND, TIMED_OUT
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import Diagnosis

WIDTH, LINES = 100, 40
_IN_FULL = 3
_MISSING = re.compile(r"([\w./-]+): (?:there is no such program|not found$)", re.MULTILINE)
_WELL = "Nothing wrong was found."
# Of each of these a host has this one or another.
_OPTIONAL = {"chronyc", "nft"}


def page(collection: Collection, found: Sequence[Diagnosis], archive: str = "") -> list[str]:
    """At most LINES lines of at most WIDTH: the first diagnosis in full, the others as far as there is room."""
    live = next((str(row["id"]) for row in collection.rows("release/list") if row.get("live")), "none")
    head = [f"{collection.facts.get('host')}  {collection.facts.get('at')}  release {live}"]
    if not collection.facts.get("root"):
        head.append("asked without root: half of the questions had no answer; run it as root")
    head.append("")
    foot = ["", *_unknown(collection), *([f"everything that was collected: {archive}"] if archive else [])]
    roots = [diagnosis for diagnosis in found if not diagnosis.follows]
    body = [] if found else [_WELL]
    room = LINES - len(head) - len(foot)
    short = []
    for number, diagnosis in enumerate(found, 1):
        full = _in_full(number, diagnosis)
        if number == 1 or (diagnosis in roots and number <= _IN_FULL and _height(body + full) + len(found) <= room):
            body += full
        else:
            short.append(_in_short(number, diagnosis))
    left = max(1, room - _height(body))
    if len(short) > left:
        short = [*short[: left - 1], f"and {len(short) - left + 1} more: see diagnosis.txt in the archive, or --all"]
    return [line.rstrip() for line in [*(text[:WIDTH] for text in head), *body, *short, *foot]]


def everything(collection: Collection, found: Sequence[Diagnosis]) -> list[str]:
    """All diagnoses in full, however long."""
    lines = page(collection, [])[:2]
    if not found:
        lines.append(_WELL)
    for number, diagnosis in enumerate(found, 1):
        lines += _in_full(number, diagnosis)
    return [*lines, *_unknown(collection)]


def _in_full(number: int, diagnosis: Diagnosis) -> list[str]:
    title = textwrap.shorten(diagnosis.title, WIDTH - 40, placeholder="...")
    lines = [f"{number}. {title}  [{diagnosis.name}]{'' if diagnosis.serious else '  (no harm yet)'}"]
    if diagnosis.follows:
        lines.append(f"   follows {', '.join(diagnosis.follows)}")
    for label, texts in (("seen", diagnosis.evidence), ("cause", (diagnosis.cause,)), ("do", diagnosis.remedy)):
        for place, text in enumerate(filter(None, texts)):
            first = f"   {label if place == 0 else '':<6}"
            wrapped = textwrap.wrap(" ".join(text.split()), WIDTH - 9, break_on_hyphens=False) or [""]
            # A command is neither broken nor cut: it is to be copied. The terminal breaks it.
            pieces = [" ".join(text.split())] if label == "do" else wrapped[:3]
            lines += [f"{first if index == 0 else ' ' * 9}{piece}" for index, piece in enumerate(pieces)]
    return lines


def _in_short(number: int, diagnosis: Diagnosis) -> str:
    """One line; the command stands in it where there is room for the whole of it."""
    what = f"{number}. {diagnosis.title}  [{diagnosis.name}]"
    why = f"  follows {', '.join(diagnosis.follows)}" if diagnosis.follows else f"  do: {diagnosis.remedy[0]}"
    return what + why if len(what + why) <= WIDTH else textwrap.shorten(what, WIDTH, placeholder="...")


def _height(lines: Sequence[str]) -> int:
    """How many lines of a terminal they take."""
    return sum(max(1, -(-len(line) // WIDTH)) for line in lines)


def _unknown(collection: Collection) -> list[str]:
    """What had no answer: a judge that knows nothing says nothing, and the reader has to know that."""
    late = [name for name, answer in collection.answers.items() if answer.code == TIMED_OUT]
    missing = (_MISSING.search(answer.text) for answer in collection.answers.values() if answer.code in (1, NOT_FOUND))
    absent = {found[1].rpartition("/")[2] for found in missing if found}
    lines = []
    if late:
        lines.append(textwrap.shorten(f"no answer in time: {', '.join(late)}", WIDTH, placeholder="..."))
    if absent := absent - _OPTIONAL:
        lines.append(f"not asked, for want of the program: {', '.join(sorted(absent))}")
    return lines
