"""The list of the tests' names reads as the specification: each states what holds, in standard words, once in its file.

A program cannot judge whether a name is true; it finds the words that no name of this project needs.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from testrun.parts import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 99
_INSTEAD = {
    "anew": "again",
    "at_work": "running, open",
    "beside": "side by side, next to",
    "books": "ledger; order_books of a market",
    "by_hand": "manual, manually",
    "goes_on": "continues",
    "look": "read, check",
    "looked": "read, checked",
    "mend": "remedy",
    "mended": "fixed, recovered",
    "mends": "fixes",
    "our": "the thing's own name",
    "ours": "the thing's own name",
    "taken_over": "restarted; the lock passes to",
    "tell": "report, alert, notify",
    "tells": "reports, alerts, notifies",
    "told": "reported, alerted, notified",
    "well": "healthy",
}
"""What a name does not say, and what it says instead."""
_PRIVATE = re.compile(rf"(?<=_)(?<!order_)(?:{'|'.join(_INSTEAD)})(?=_|$)")


def _faults(source: str) -> Iterator[str]:
    """What is wrong with the names of the tests in a file."""
    tree = ast.parse(source)
    scopes: list[ast.Module | ast.ClassDef] = [tree]
    scopes += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for scope in scopes:
        defined = [node for node in scope.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        names = [node.name for node in defined if node.name.startswith("test_")]
        yield from (f"{name} is there {times} times" for name, times in Counter(names).items() if times > 1)
        for name in names:
            if len(name) > _LONGEST:
                yield f"{name} has {len(name)} characters, more than {_LONGEST}"
            for word in _PRIVATE.findall(name):
                yield f"{name}: for {word} write {_INSTEAD[word]}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def test_an_alert_is_told_once(): ...", ["for told write reported"]),
        ("async def test_the_ledger_is_mended(): ...", ["for mended write fixed"]),
        ("def test_books_of_two_modes_never_mix(): ...", ["for books write ledger"]),
        ("class TestA:\n    def test_a_host_is_well(self): ...", ["for well write healthy"]),
        ("def test_a(): ...\ndef test_a(): ...", ["test_a is there 2 times"]),
        (f"def test_{'a' * 100}(): ...", ["more than 99"]),
        ("class TestA:\n    def test_a(self): ...\nclass TestB:\n    def test_a(self): ...", []),
        ("def test_order_books_are_sorted(): ...\ndef books(): ...", []),
        ("def test_a_wellformed_file_is_retold(): ...", []),
    ],
)
def test_a_name_with_a_private_word_or_a_namesake_is_found(source: str, found: list[str]) -> None:
    faults = list(_faults(source))
    assert len(faults) == len(found)
    assert all(wanted in fault for wanted, fault in zip(found, faults, strict=True))


def test_every_name_of_a_test_has_standard_words_and_is_unique_in_its_file() -> None:
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    assert len(paths) > 100
    found = [f"{path.relative_to(ROOT)}: {fault}" for path in paths for fault in _faults(path.read_text("utf-8"))]
    assert not found, "\n".join(found)


def test_every_test_that_a_document_names_is_there() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in documents}
    source = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    names = set(re.findall(r"^ *(?:async )?def (test_\w+)", source, flags=re.MULTILINE))
    named = {(document, name) for document, text in texts.items() for name in re.findall(r"`(test_\w+)`", text)}
    files = {(document, name) for document, text in texts.items() for name in re.findall(r"tests/[\w/]+\.py", text)}
    assert len(named) > 15
    assert len(files) > 30
    assert {one for one in named if one[1] not in names} == set()
    assert {one for one in files if not (ROOT / one[1]).is_file()} == set()
