"""Faults in what a reply says: fills twice or in another order, fields that came, went, or changed their kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from milkbot.domain.cities import all_series
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import Fired
from milkbot.simulator.faulty import mangling
from milkbot.simulator.world.draws import Draws

KINDS = mangling.KINDS | {
    FaultKind.DUPLICATE_FILLS,
    FaultKind.REORDERED_FILLS,
    FaultKind.SCHEMA_DRIFT,
    FaultKind.SERIES_VANISHED,
}
ADDED = "field_of_next_month"


def series_of(one: Fired) -> str:
    """The series that is gone: the one that the rule names, else one of cities.toml by the seed's draw."""
    listed = [series.ticker for series in all_series()]
    return one.rule.ticker or listed[one.seed % len(listed)]


def rewritten(content: bytes, fired: Sequence[Fired]) -> bytes:
    """A reply's body with those faults in it; one that is no JSON does not change."""
    try:
        body = json.loads(content)
    except ValueError:
        return content
    for one in fired:
        if one.rule.fault is FaultKind.DUPLICATE_FILLS:
            _each_fill_page(body, lambda rows: [row for row in rows for _ in range(2)])
        elif one.rule.fault is FaultKind.REORDERED_FILLS:
            draws = one.draws
            _each_fill_page(body, lambda rows, draws=draws: _shuffled(rows, draws))
        elif one.rule.fault is FaultKind.SERIES_VANISHED:
            body = mangling.without_series(body, series_of(one))
        elif one.rule.fault in mangling.KINDS:
            body = mangling.mangled(body, one)
        elif one.rule.fault is FaultKind.SCHEMA_DRIFT:
            body = _drifted(body, one.rule.drift, one.rule.field)
    return json.dumps(body).encode()


def _each_fill_page(body: Any, change: Any) -> None:
    if isinstance(body, dict) and isinstance(body.get("fills"), list):
        body["fills"] = change(body["fills"])


def _shuffled(rows: list[Any], draws: Draws) -> list[Any]:
    """Another order, where there is one."""
    mixed = [row for _, row in sorted((draws.uniform(), at) for at, row in enumerate(range(len(rows))))]
    return [rows[at] for at in mixed] if mixed != sorted(mixed) else rows[::-1]


def _drifted(node: Any, drift: str, name: str) -> Any:
    """The same with a field added to each object, or one of that name taken out or of another kind, wherever it is."""
    if isinstance(node, list):
        return [_drifted(part, drift, name) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: {"value": part} if drift == "retyped" and key == name else _drifted(part, drift, name)
        for key, part in node.items()
        if not (drift == "missing" and key == name)
    }
    return {**kept, (name or ADDED): "new"} if drift == "added" else kept
