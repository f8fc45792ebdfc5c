"""Answers whose list may be long, written as the database gave its rows: a model of each row costs more than the read.

What is written is what the response model of the route would write; a test holds the two equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from milkbot.domain.cities import all_series

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer with the rows of one of its lists, each as JSON, and of others after it; `head` is the answer's model
    with those lists empty.
    """

    head: BaseModel
    name: str
    rows: Sequence[str]
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def parsed(self) -> list[Row]:
        """The rows as values."""
        found: list[Row] = json.loads(f"[{','.join(self.rows)}]")
        return found


Readable = BaseModel | Listed
"""An answer."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Answers by name, as one."""

    parts: Mapping[str, Readable]


# SQL that writes a column as the response models do, null included. Each is for one value, which may be an expression.


def decimal(value: str) -> str:
    """A numeric as `schemas.decimal_text` writes it, in quotes."""
    return f"COALESCE('\"' || round({value}, greatest(2, min_scale({value}))) || '\"', 'null')"


def words(value: str) -> str:
    """A text of any kind."""
    return f"COALESCE(CAST(to_json({value}) AS text), 'null')"


def code(value: str) -> str:
    """A code of ours, or a date: nothing in it needs to be escaped."""
    return f"COALESCE('\"' || {value} || '\"', 'null')"


def moment(value: str) -> str:
    """A time to the minute. Connections have UTC."""
    return f"""COALESCE('"' || to_char({value}, 'YYYY-MM-DD"T"HH24:MI:00"Z"') || '"', 'null')"""


def instant(value: str) -> str:
    """A time to the microsecond."""
    return (
        f"""COALESCE('"' || replace(to_char({value}, 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z"', 'null')"""
    )


def plain(value: str) -> str:
    """A number or a truth value."""
    return f"COALESCE(CAST({value} AS text), 'null')"


_MEASURES: Final = {series.ticker: series.extreme for series in all_series()}


def by_series(ticker: str, known: Mapping[str, str]) -> str:
    """What is known of a market's series, null where nothing is."""
    table = json.dumps({series: json.dumps(value) for series, value in known.items()})
    return f"COALESCE(CAST('{table}' AS jsonb) ->> split_part({ticker}, '-', 1), 'null')"


STRIKING: Final = {
    "ticker": words("ticker"),
    "measure": by_series("ticker", _MEASURES),
    "strike_type": code("strike_type"),
    "floor_strike": plain("floor_strike"),
    "cap_strike": plain("cap_strike"),
}
"""Columns of a market's name and of what it is about."""


def json_row(columns: Mapping[str, str]) -> str:
    """A JSON object of those columns."""
    parts = (
        f"""'{"{" if not number else ","}"{name}":', {value}""" for number, (name, value) in enumerate(columns.items())
    )
    return f"concat({', '.join(parts)}, '}}')"


def as_lines(lines: str | None) -> list[str]:
    """The rows that a query joined by line breaks, for a row of a result costs more than a line. JSON has none."""
    return lines.split("\n") if lines else []


def as_json(answer: Readable | Joined) -> bytes:
    """The answer as JSON."""
    if isinstance(answer, Joined):
        return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), as_json(part)) for name, part in answer.parts.items())
    if isinstance(answer, BaseModel):
        return answer.model_dump_json().encode()
    whole = answer.head.model_dump_json()
    for name, rows in {answer.name: answer.rows, **answer.others}.items():
        before, empty, after = whole.partition(f'"{name}":[]')
        whole = f"{before}{empty[:-1]}{','.join(rows)}]{after}"
    return whole.encode()
