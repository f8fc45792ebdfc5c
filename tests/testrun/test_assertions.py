"""The tests themselves: an assertion that cannot fail holds nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def _compared_with_itself(source: str) -> Iterator[str]:
    """Comparisons whose one side is taken from the other: `a() == {**a(), "x": 1}`, `a() == b | {"x": a()["x"]}`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq):
            continue
        sides = (node.left, node.comparators[0])
        for one, other in (sides, sides[::-1]):
            built = isinstance(other, ast.Dict | ast.BinOp | ast.DictComp | ast.ListComp)
            plain = isinstance(one, ast.Constant | ast.Name)
            if built and not plain and ast.dump(one) in {ast.dump(part) for part in ast.walk(other)}:
                yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("assert a()[-1] == {**a()[-1], 'x': 1}", 1),
        ("assert a() == b | {name: a()[name] for name in names}", 1),
        ("assert a() == b | {'x': 1}", 0),
        # What is the same when it is done twice.
        ("assert f(a()) == a()", 0),
    ],
)
def test_a_comparison_with_itself_is_found(source: str, found: int) -> None:
    assert len(list(_compared_with_itself(source))) == found


def test_no_test_compares_a_thing_with_itself() -> None:
    found = {
        str(path.relative_to(TESTS)): lines
        for path in sorted(TESTS.rglob("*.py"))
        if (lines := list(_compared_with_itself(path.read_text("utf-8"))))
    }
    assert found == {}
