"""What all wire models share: exact scalars, unknown fields ignored but counted, known ones checked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Annotated, ClassVar, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

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


_MOST = Decimal(10**9)
"""Contracts, dollars or degrees. What is larger is no such number, and larger than what the ledger can store."""
_FIRST_YEAR, _LAST_YEAR = 1900, 9000
"""Room on both sides for what is added to a moment and taken from it."""


def _bounded(value: object, what: str) -> Decimal:
    number = decimal_from_text(_text(value), what)
    if abs(number) > _MOST:
        raise ValueError(f"{what} is {value}, expected at most {_MOST}")
    return number


def _moment(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"{value.isoformat()} is no moment between {_FIRST_YEAR} and {_LAST_YEAR}")
    return value.astimezone(UTC)


# An order book says few prices and counts, many times over.
_price_of_text = lru_cache(maxsize=2048)(price)


@lru_cache(maxsize=2048)
def _count_of_text(text: str) -> Count:
    return count(_bounded(text, "count"))


PriceText = Annotated[Price, BeforeValidator(lambda v: _price_of_text(_text(v))), PlainSerializer(price_text)]
CountText = Annotated[Count, BeforeValidator(lambda v: _count_of_text(_text(v))), PlainSerializer(count_text)]
CashText = Annotated[Cash, BeforeValidator(lambda v: cash(_bounded(v, "cash"))), PlainSerializer(cash_text)]
SignedCountText = Annotated[Count, BeforeValidator(lambda v: _bounded(v, "count")), PlainSerializer(count_text)]
Number = Annotated[Decimal, BeforeValidator(lambda v: _bounded(v, "number"))]
ExchangeIndex = Annotated[int, Field(ge=0, le=1000)]
"""The shard of the exchange; 0 is the one of the weather markets."""
Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
"""An aware moment in UTC. A text without an offset is refused: nobody knows when it is."""


UnknownFields = Counter[tuple[str, str]]
"""How often a field came that neither a model reads nor the exchange's document has, by model and field."""


class WireModel(BaseModel):
    """A frozen object of the wire. The exchange adds fields every month, so an unknown one is no error."""

    # Most commands read few of the kinds: each is built when the first of it comes.
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    UNREAD: ClassVar[frozenset[str]] = frozenset()
    """Fields of the exchange's document that nothing here needs."""

    @classmethod
    def from_wire(cls, raw: object, unknown: UnknownFields | None = None) -> Self:
        """The object in a reply; what is unknown in it and in all within is counted. Raises ValueError by field."""
        return cls.model_validate(raw, context=unknown)

    def body(self) -> dict[str, object]:
        """What a request sends: absent fields are left out."""
        return self.model_dump(mode="json", exclude_none=True)

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_stored(cls, value: object) -> object:
        if isinstance(value, str) and not _is_storable(value):
            raise ValueError(f"{value!r} has characters that are no text")
        return value

    @model_validator(mode="before")
    @classmethod
    def _count_unknown(cls, raw: object, info: ValidationInfo) -> object:
        counted = info.context
        if isinstance(counted, Counter) and isinstance(raw, dict) and not raw.keys() <= known_names(cls):
            counted.update((cls.__name__, str(name)) for name in raw.keys() - known_names(cls))
        return raw


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL takes it: without NUL, and without half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


@cache
def known_names(model: type[WireModel]) -> frozenset[str]:
    """Every field name that a model takes or leaves knowingly."""
    return model.UNREAD | model.model_fields.keys()


def from_unix_ms(milliseconds: int) -> datetime:
    """An aware UTC moment from the exchange's milliseconds."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
