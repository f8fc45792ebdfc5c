"""What runs on a host, in a few named lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

# Rows of `milkbot doctor` that have a line of their own.
_TOLD = ("configuration", "schema", "trading state")
_SHOWN_WARNINGS = 2


def facts(releases: Iterable[Mapping[str, Any]], doctor: str, domain: str, address: str) -> list[list[str]]:
    """Pairs of a name and what is so. `doctor` is the JSON of `milkbot doctor`; without it less is known."""
    live = next((entry for entry in releases if entry["live"]), None)
    if live is None:
        return [["release", "none runs yet: site.yml installs one"]]
    found = [["release", f"{live['id']}, version {live['version'] or 'unknown'}, {live['result'] or 'not proved yet'}"]]
    rows = _rows(doctor)
    by_name = {row["check"]: row for row in rows}
    if rows:
        said = {name: by_name.get(name, {}).get("detail", "unknown") for name in _TOLD}
        found += [["trading", f"{said['configuration']}; {said['trading state']}"], ["schema", said["schema"]]]
    found.append(["page", f"https://{domain}/ (host {address})"])
    wrong = [row for row in rows if row["verdict"] != "ok" and (row["check"] not in _TOLD or row["verdict"] == "fail")]
    if not rows:
        found.append(["WARNING", "milkbot doctor gave no answer: run it on the host"])
    # What the trader cannot do without comes first.
    wrong.sort(key=lambda row: (row["check"] != "exchange", row["verdict"] != "fail"))
    found += [["WARNING", f"{row['check']}: {row['detail']}"] for row in wrong[:_SHOWN_WARNINGS]]
    if len(wrong) > _SHOWN_WARNINGS:
        found[-1][1] += f" (and {len(wrong) - _SHOWN_WARNINGS} more: milkbot doctor)"
    return found


def halted(doctor: str) -> bool:
    """Whether the trader may not open positions."""
    return any(row["check"] == "trading state" and row["verdict"] != "ok" for row in _rows(doctor))


def _rows(doctor: str) -> list[dict[str, str]]:
    try:
        rows = json.loads(doctor)
    except ValueError:
        return []
    return [row for row in rows if isinstance(row, dict) and {"check", "verdict", "detail"} <= row.keys()]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"summary_facts": facts, "summary_halted": halted}
