"""The tables of BASELINE.md: what was computed once from the recorded data, by another program than this one."""

from __future__ import annotations

import re
from pathlib import Path

Table = dict[str, list[str]]
"""The cells of each row after its first, by the first. Emphasis is taken off."""


def read_tables(shared_data: Path) -> dict[str, list[Table]]:
    """The tables by the heading that they are under, in the order of the document; the header row is left out."""
    found: dict[str, list[Table]] = {}
    heading, rows = "", []
    for line in [*(shared_data / "BASELINE.md").read_text("utf-8").splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip().strip("*") for cell in line.strip().strip("|").split("|")])
            continue
        if rows:
            found.setdefault(heading, []).append({name: cells for name, *cells in rows[2:]})
            rows = []
        if line.startswith("#"):
            heading = line.lstrip("# ")
    return found


def intervals(text: str) -> dict[str, tuple[str, str]]:
    """The bounds that a sentence gives, by what is before them: `mid day10 event [0.5550,0.6026]`."""
    pattern = r"(?:(?P<who>[\w(),. ]+?) )?(?P<score>event|log) \[(?P<low>[\d.]+),(?P<high>[\d.]+)\]"
    found, who = {}, ""
    for match in re.finditer(pattern, text):
        who = (match["who"] or who).strip()
        found[f"{who} {match['score']}"] = (match["low"], match["high"])
    return found
