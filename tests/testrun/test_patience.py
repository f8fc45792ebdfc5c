"""No test is judged by the speed of the machine that it runs on."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.patience import PATIENCE

from testrun.parts import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MEASURED = ROOT / "tests/bench"
_WAITS = {"join", "wait"}
_ON_A_MACHINE = re.compile(r"timeout (\d+) (?:ba)?sh -c '?(?:until|while)\b")
_PAUSE = 1
"""Seconds below which it is a pause between two checks, and no limit."""
_TIMEOUTS = {"timeout", "default_timeout"}
_OF_A_PROFILE = {"deadline", "suppress_health_check"}
_PROFILES = {
    "tests/conftest.py",
    "tests/property/running.py",  # tests/bench/chaos runs it without pytest, and so without the profile
}


def _limits(path: Path) -> Iterator[str]:
    """Numbers of seconds, written out, after which a test gives up."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=[ast.Constant(value=int() | float() as limit)]) if (
                name in _WAITS and limit >= _PAUSE
            ):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {name}({limit})"
            case ast.keyword(arg=name, value=ast.Constant(value=int() | float() as limit)) if name in _TIMEOUTS:
                yield f"{path.relative_to(ROOT)}:{node.value.lineno}: {name}={limit}"
            case ast.BinOp(left=ast.Call(func=ast.Attribute(attr="monotonic")), op=ast.Add(), right=ast.Constant()):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
            case ast.Constant(value=str() as text):
                for limit in _ON_A_MACHINE.findall(text):
                    if int(limit) < PATIENCE:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}: timeout {limit}"


def _own_settings(source: str) -> Iterator[str]:
    """Settings of Hypothesis by which a test would be judged otherwise than by the common profile."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="settings") | ast.Attribute(attr="register_profile"), keywords=keywords):
                yield from (keyword.arg for keyword in keywords if keyword.arg in _OF_A_PROFILE)


def test_no_test_waits_with_a_short_time_limit() -> None:
    assert PATIENCE >= 600
    paths = [path for path in sorted((ROOT / "tests").rglob("*.py")) if not path.is_relative_to(_MEASURED)]
    found = [limit for path in paths for limit in _limits(path)]
    assert not found, "use PATIENCE of tests/patience.py: " + "; ".join(found)


def test_hypothesis_sets_no_deadline_for_an_example() -> None:
    chosen = settings()
    assert chosen.deadline is None
    assert HealthCheck.too_slow in chosen.suppress_health_check


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("@settings(deadline=5)\ndef test_a(): ...", ["deadline"]),
        ("settings.register_profile('slow', suppress_health_check=[])", ["suppress_health_check"]),
        ("@settings(max_examples=5)\ndef test_a(): ...", []),
        ("settings.register_profile('few', settings.get_profile('any-machine'), max_examples=5)", []),
    ],
)
def test_a_deadline_or_health_check_of_its_own_is_found(source: str, found: list[str]) -> None:
    assert list(_own_settings(source)) == found


def test_every_hypothesis_test_has_the_deadline_and_health_checks_of_the_common_profile() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if list(_own_settings(path.read_text(encoding="utf-8")))
    }
    assert found == _PROFILES
