"""Inserting the many rows of a tick: as one JSON parameter that the server takes apart.

A parameter for each value cost the trader a fifth of its tick: 576 markets have 18,000 of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, cast

from sqlalchemy import JSON, Table, Text, bindparam, func, literal_column, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from milkbot.db.base import Base

ROWS = "rows"
"""The name of the parameter."""


def insert_many(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows that name the same columns into a table with an `id`; returns their ids in the rows' order."""
    if not rows:
        return []
    statement = insert_rows(table, tuple(rows[0])).returning(table.__table__.columns["id"])
    # The server numbers them in their order: the ids rise with it.
    return sorted(session.scalars(statement, parameter(rows)))


@cache
def insert_rows(table: type[Base], columns: tuple[str, ...]) -> Insert:
    """The insert of what its parameter has, in that order. The types of the values are those of the table's columns."""
    target = cast("Table", table.__table__)
    written = sql_cast(bindparam(ROWS, type_=Text), JSON)
    rows = func.json_populate_recordset(literal_column(f"NULL::{target}"), written)
    row = rows.table_valued(*columns, with_ordinality="ordinality").c
    found = select(*(row[name] for name in columns)).order_by(row.ordinality)
    return insert(target).from_select(columns, found)


def parameter(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The rows as the parameter of their insert. Raises ValueError for rows that do not name the same columns."""
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError(f"rows differ in their columns: all need {', '.join(rows[0])}")
    return {ROWS: json.dumps(rows, default=_as_text)}


def _as_text(value: object) -> str:
    """What JSON has no form for, as PostgreSQL reads it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} is a {type(value).__name__}, which no column of many rows has")
