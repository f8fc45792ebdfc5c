"""Command line: exit code 0 when the score holds and every survivor is judged, 1 when not, 2 for wrong usage."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mutation import results, workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCUMENT = workspace.ROOT / "docs" / "mutation-testing.md"
LEAST_SCORE = 90.0
_TOLD = 2000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every mutant, print the score and the survivors that docs/mutation-testing.md does not judge."""
    parser = argparse.ArgumentParser(prog="python -m mutation", description=main.__doc__)
    parser.add_argument("--again", action="store_true", help="read the results of the last run instead")
    parser.add_argument(
        "--only",
        action="append",
        metavar="PATTERN",
        help="put faults into these files below app/milkbot alone, for example trader/orders/*.py",
    )
    options = parser.parse_args(arguments)
    if not options.again:
        workspace.prepare(mutated=options.only or workspace.MUTATED)
        run = workspace.mutmut("run", "--max-children", "2")
        if run.returncode != 0:
            print(f"mutation: mutmut ended with {run.returncode}:\n{(run.stdout + run.stderr)[-_TOLD:]}")
            return 1
    found = results.read()
    new = unjudged(found.survivors, DOCUMENT.read_text(encoding="utf-8"))
    total = found.found + len(found.survivors) + found.other
    print(f"mutation: {found.found} of {total} found, score {found.score:.1f} %, {found.other} runs went wrong")
    for survivor in new:
        print(f"not judged in {DOCUMENT.relative_to(workspace.ROOT)}:\n{survivor.row('...')}")
    return 1 if new or found.other or found.score < LEAST_SCORE else 0


def unjudged(survivors: Iterable[results.Survivor], document: str) -> list[results.Survivor]:
    """The survivors of which the document has no row with a verdict."""
    judged = {line[: line.rstrip("| ").rindex(" | ")] for line in document.splitlines() if line.startswith("| `")}
    return [survivor for survivor in survivors if survivor.row("").removesuffix(" |  |") not in judged]
