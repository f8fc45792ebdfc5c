"""Status, account limits and error bodies."""

from __future__ import annotations

from pydantic import Field, ValidationError

from milkbot.venue.wire.base import Moment, WireModel


class ExchangeStatus(WireModel):
    """GET /exchange/status. The exchange sends the same body with 500, 503 and 504."""

    exchange_active: bool
    trading_active: bool


class UserDataTimestamp(WireModel):
    """GET /exchange/user_data_timestamp: how fresh balance, orders, fills and positions are."""

    as_of_time: Moment


class Bucket(WireModel):
    """One token bucket of GET /account/limits."""

    refill_rate: int = Field(gt=0)
    bucket_capacity: int = Field(gt=0)


class AccountLimits(WireModel):
    """GET /account/limits."""

    usage_tier: str
    read: Bucket
    write: Bucket


class ErrorBody(WireModel):
    """What went wrong, in the exchange's words; all parts may be absent."""

    code: str = ""
    message: str = ""
    details: object = ""


class _Nested(WireModel):
    error: ErrorBody


class _Plain(WireModel):
    error: str


def error_body(body: object) -> ErrorBody:
    """The error in any of its three forms: at the top level, inside `error`, or `error` as plain text.

    A body of no known form gives empty parts: the HTTP status alone then decides.
    """
    for parse in (_nested, _plain, ErrorBody.model_validate):
        try:
            return parse(body)
        except ValidationError:
            continue
    return ErrorBody()


def _nested(body: object) -> ErrorBody:
    return _Nested.model_validate(body).error


def _plain(body: object) -> ErrorBody:
    text = _Plain.model_validate(body).error
    return ErrorBody(code=text.replace(" ", "_"), message=text)
