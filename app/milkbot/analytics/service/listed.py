"""Answers whose list may be long, written as the database gave its rows: a model of each row costs more than the read.

What is written is what the response model of the route would write; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer with the rows of one of its lists; `head` is the answer's model with that list empty."""

    head: BaseModel
    name: str
    rows: Sequence[Row]


Readable = BaseModel | Listed | Mapping[str, "BaseModel | Listed"]
"""An answer, or several by name that are one."""


def decimal(value: str, name: str) -> str:
    """A column of SQL: a numeric as `schemas.decimal_text` writes it."""
    return f"CAST(round({value}, greatest(2, min_scale({value}))) AS text) AS {name}"


def named(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Row]:
    """Each row of a result by those names."""
    return [dict(zip(names, row, strict=True)) for row in rows]


def as_json(answer: Readable) -> bytes:
    """The answer as JSON."""
    if isinstance(answer, BaseModel):
        return answer.model_dump_json().encode()
    return to_json(_content(answer))


def _content(answer: Readable) -> Mapping[str, Any]:
    if isinstance(answer, Listed):
        return {**answer.head.model_dump(mode="json"), answer.name: answer.rows}
    if isinstance(answer, BaseModel):
        return answer.model_dump(mode="json")
    return {name: _content(part) for name, part in answer.items()}
