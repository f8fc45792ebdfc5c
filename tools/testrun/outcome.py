"""What came of a part: its exit codes, and the tests that pytest counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Counts:
    """Tests by outcome; an error in a fixture is a failure."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One part's result. `failures` names the commands that failed."""

    part: str
    seconds: float
    failures: tuple[str, ...]
    counts: Counts
    log: Path

    @property
    def ok(self) -> bool:
        return not self.failures


def read_counts(report: Path) -> Counts:
    """Sum up pytest's JUnit report; one that is absent counts nothing."""
    total = Counts()
    if not report.is_file():
        return total
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - written by our own pytest
        number = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
        failed = number["failures"] + number["errors"]
        total += Counts(number["tests"] - failed - number["skipped"], failed, number["skipped"])
    return total


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the table of parts."""
    lines = [f"{'part':<22} {'seconds':>8}  {'result':<8} {'passed':>7} {'failed':>7} {'skipped':>8}"]
    for outcome in outcomes:
        counts = outcome.counts
        result = "ok" if outcome.ok else "FAILED"
        lines.append(
            f"{outcome.part:<22} {outcome.seconds:>8.1f}  {result:<8}"
            f" {counts.passed:>7} {counts.failed:>7} {counts.skipped:>8}"
        )
        lines += [f"    failed: {failure}" for failure in outcome.failures]
    return "\n".join(lines)


def summary(outcomes: Iterable[Outcome]) -> str:
    """Return the closing line. A part that failed without a failed test counts as one failure."""
    total = Counts()
    for outcome in outcomes:
        total += outcome.counts
        if not outcome.ok and outcome.counts.failed == 0:
            total += Counts(failed=1)
    return f"milkbot: {total.passed} passed, {total.failed} failed, {total.skipped} skipped"
