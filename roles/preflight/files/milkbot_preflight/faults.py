"""A fault of an inventory, as one line of the report."""

from __future__ import annotations

from typing import Any, TypedDict

MASK = "(secret, not shown)"
_SHOWN = 100


class Fault(TypedDict):
    """What is wrong: the variable's name, its value, and the limit with what to write instead."""

    name: str
    value: str
    fix: str


def shown(value: Any, *, secret: bool = False) -> str:
    """A value as the report prints it: never a secret, and never a page."""
    if value in ("", [], {}):
        return "(empty)"
    if secret:
        return MASK
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
