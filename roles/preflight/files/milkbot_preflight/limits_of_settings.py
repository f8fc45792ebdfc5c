"""The limits of app/milkbot/settings.py, read from its text: the control node needs none of its dependencies."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

Rule = dict[str, Any]

_BOUNDS = {"ge": "min", "le": "max", "gt": "above", "lt": "below"}


def limits_of_settings(package: Path) -> dict[str, Rule]:
    """A rule for each field of Settings, by its name in lower case; fields without a limit have an empty one."""
    body = ast.parse((package / "settings.py").read_text(encoding="utf-8")).body
    named = {
        node.targets[0].id: node.value
        for node in body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    (settings,) = (node for node in body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    rules = {
        node.target.id: _rule(node.annotation, named) | _default(node.value)
        for node in settings.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    series = sorted(
        re.findall(r'^(?:high|low) = "(\w+)"$', (package / "domain/cities.toml").read_text("utf-8"), re.MULTILINE)
    )
    rules["trading_series"] = {"not_empty": True, "each": {"choices": series}}
    return rules


def _rule(annotation: ast.expr, named: dict[str, ast.expr]) -> Rule:
    if isinstance(annotation, ast.Name) and annotation.id in named:
        annotation = named[annotation.id]
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.value, ast.Name):
        return {}
    parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if annotation.value.id == "Literal":
        return {"choices": [ast.literal_eval(part) for part in parts]}
    fields = (part for part in parts if isinstance(part, ast.Call) and isinstance(part.func, ast.Name))
    return {
        _BOUNDS[word.arg]: ast.literal_eval(word.value)
        for field in fields
        if field.func.id == "Field"  # type: ignore[attr-defined]
        for word in field.keywords
        if word.arg in _BOUNDS
    }


def _default(value: ast.expr | None) -> Rule:
    """The default, where it is written as a plain value or as Decimal of one."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Decimal":
        (value,) = value.args
    return {"default": value.value} if isinstance(value, ast.Constant) and value.value is not None else {}
