"""What became of the mutants, and the text by which a survivor is known for as long as its line does not change."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mutation.workspace import WORK, mutmut

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Exit codes of a mutant's test run, as mutmut stores them. One whose tests never end is found as surely as a red one.
_FOUND = {1, 3, -24, 24, 36, 152, 255}
_SURVIVED = 0
_UNTESTED = {5, 33}
_NUMBERED = re.compile(r"^(?P<function>.*)__mutmut_\d+$")
_NAME = re.compile(r"\.xǁ(?P<owner>\w+)ǁ|\.x_")


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no test found: where it is, the line, and what became of it."""

    function: str
    before: str
    after: str

    def row(self, verdict: str) -> str:
        """The row of the table in the documentation."""
        cells = (f"`{self.function}`", f"`{self.before}`", f"`{self.after}`", verdict)
        return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


@dataclass(frozen=True, slots=True)
class Results:
    """The outcome of a run. `other` are mutants whose run went wrong: they are neither found nor survived."""

    found: int
    survivors: tuple[Survivor, ...]
    other: int

    @property
    def score(self) -> float:
        """Percent of the mutants that a test found."""
        total = self.found + len(self.survivors) + self.other
        return 100 * self.found / total if total else 0.0


def read(work: Path = WORK) -> Results:
    """The results that mutmut left in its folder."""
    codes = dict(_codes(work))
    outcome = Counter("found" if code in _FOUND else "left" for code in codes.values())
    left = [name for name, code in sorted(codes.items()) if code == _SURVIVED or code in _UNTESTED]
    survivors = tuple(_survivor(name, mutmut("show", name, work=work).stdout) for name in left)
    return Results(outcome["found"], survivors, outcome["left"] - len(left))


def _codes(work: Path) -> Iterable[tuple[str, int | None]]:
    for meta in sorted((work / "mutants" / "src").rglob("*.py.meta")):
        yield from json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items()


def _survivor(name: str, diff: str) -> Survivor:
    changed = [line for line in diff.splitlines() if re.match(r"[-+](?!--|\+\+)", line)]
    before = " ".join(line[1:].strip() for line in changed if line.startswith("-"))
    after = " ".join(line[1:].strip() for line in changed if line.startswith("+"))
    return Survivor(_readable(name), before, after)


def _readable(name: str) -> str:
    """`risk.exposure.worst_result` for `milkbot.risk.exposure.x_worst_result__mutmut_3`."""
    numbered = _NUMBERED.match(name)
    function = numbered["function"] if numbered else name
    readable = _NAME.sub(lambda found: f".{found['owner']}." if found["owner"] else ".", function)
    return readable.removeprefix("milkbot.")
