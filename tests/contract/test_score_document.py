"""docs/forecast.md says what the yardstick measures on the recorded data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.measured import edge_row, row

DOCUMENT = Path(__file__).parents[2] / "docs" / "forecast.md"


def rows(header: str) -> Iterator[list[str]]:
    """The cells of the table whose header begins so."""
    lines = iter(DOCUMENT.read_text("utf-8").splitlines())
    assert any(line.startswith(header) for line in lines)
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


SCORES = list(rows("| data | at | forecaster | events |"))
EDGES = list(rows("| data | at | forecaster | contracts |"))


def test_the_document_has_the_market_and_others_on_both_kinds_of_data() -> None:
    measured = {(kind, name) for kind, _, name, *_ in SCORES}
    assert {("tape", "market"), ("tape", "normal"), ("quotes", "market"), ("quotes", "normal")} <= measured
    assert all(re.fullmatch(r"0 \[0, 0\]", cell) for line in SCORES if line[2] == "market" for cell in line[6:])


@pytest.mark.parametrize("line", SCORES, ids=lambda line: " ".join(line[:3]))
def test_each_row_of_the_document_is_what_is_measured(shared_data: Path, line: list[str]) -> None:
    assert row(shared_data, *line[:3]) == line


@pytest.mark.parametrize("line", EDGES, ids=lambda line: " ".join(line[:3]))
def test_each_edge_of_the_document_is_what_is_measured(shared_data: Path, line: list[str]) -> None:
    assert edge_row(shared_data, *line[:3]) == line
