"""What every table shares: exact types, names of constraints, and the mode that keeps ledgers apart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Identity, MetaData, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

OPS = "ops"
ANALYTICS = "analytics"


class Base(DeclarativeBase):
    """Declarative base: times are timestamptz, JSON is jsonb, text has no invented length."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        str: Text,
    }


Id = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
PriceColumn = Annotated[Decimal, mapped_column(Numeric(10, 6))]
CountColumn = Annotated[Decimal, mapped_column(Numeric(18, 2))]
CashColumn = Annotated[Decimal, mapped_column(Numeric(18, 6))]
Probability = Annotated[float, mapped_column()]


def one_of(column: str, values: Iterable[str]) -> str:
    """The text of a check constraint: the column holds one of these values."""
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"
