"""What all wire models share: exact scalars, unknown fields ignored, known ones checked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from milkbot.domain.units import (
    Cash,
    Count,
    Price,
    cash,
    cash_text,
    count,
    count_text,
    decimal_from_text,
    price,
    price_text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _text(value: object) -> str:
    if isinstance(value, float):
        raise ValueError(f"{value!r} went through a float; the JSON must be read with parse_float=Decimal")
    return str(value)


PriceText = Annotated[Price, BeforeValidator(lambda v: price(_text(v))), PlainSerializer(price_text)]
CountText = Annotated[Count, BeforeValidator(lambda v: count(_text(v))), PlainSerializer(count_text)]
CashText = Annotated[Cash, BeforeValidator(lambda v: cash(_text(v))), PlainSerializer(cash_text)]
SignedCountText = Annotated[
    Count, BeforeValidator(lambda v: decimal_from_text(_text(v), "count")), PlainSerializer(count_text)
]
Number = Annotated[Decimal, BeforeValidator(lambda v: decimal_from_text(_text(v), "number"))]
Moment = Annotated[AwareDatetime, AfterValidator(lambda v: v.astimezone(UTC))]
"""An aware moment in UTC. A text without an offset is refused: nobody knows when it is."""


class WireModel(BaseModel):
    """A frozen object of the wire. The exchange adds fields every month, so an unknown one is no error."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def from_unix_ms(milliseconds: int) -> datetime:
    """An aware UTC moment from the exchange's milliseconds."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
