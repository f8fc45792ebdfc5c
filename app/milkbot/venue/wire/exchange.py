"""Status, schedule, account limits and error bodies."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from milkbot.venue.wire.base import Moment, WireModel

_WALL_TIME = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")


def _wall_time(value: object) -> time:
    text = str(value)
    if not _WALL_TIME.match(text):
        raise ValueError(f"{text!r} is no time of day, expected HH:MM")
    return time.fromisoformat(text)


WallTime = Annotated[time, BeforeValidator(_wall_time)]


class ExchangeStatus(WireModel):
    """GET /exchange/status. The exchange sends the same body with 500, 503 and 504."""

    UNREAD = frozenset({"intra_exchange_transfers_active", "exchange_index_statuses"})

    exchange_active: bool
    trading_active: bool
    exchange_estimated_resume_time: Moment | None = None


class Session(WireModel):
    """Hours of trading on one weekday, HH:MM in Eastern time; 00:00 as an end is the day's own end."""

    open_time: WallTime
    close_time: WallTime


class WeeklyHours(WireModel):
    """The hours of a week, for as long as they hold."""

    start_time: Moment
    end_time: Moment
    monday: tuple[Session, ...]
    tuesday: tuple[Session, ...]
    wednesday: tuple[Session, ...]
    thursday: tuple[Session, ...]
    friday: tuple[Session, ...]
    saturday: tuple[Session, ...]
    sunday: tuple[Session, ...]


class MaintenanceWindow(WireModel):
    """An announced time in which the exchange may not be there."""

    start_datetime: Moment
    end_datetime: Moment


class ExchangeSchedule(WireModel):
    """Standard hours and exceptions."""

    standard_hours: tuple[WeeklyHours, ...]
    maintenance_windows: tuple[MaintenanceWindow, ...]


class ScheduleReply(WireModel):
    """GET /exchange/schedule."""

    schedule: ExchangeSchedule


class UserDataTimestamp(WireModel):
    """GET /exchange/user_data_timestamp: how fresh balance, orders, fills and positions are."""

    as_of_time: Moment


class Bucket(WireModel):
    """One token bucket of GET /account/limits."""

    refill_rate: int = Field(gt=0)
    bucket_capacity: int = Field(gt=0)


class AccountLimits(WireModel):
    """GET /account/limits."""

    UNREAD = frozenset({"grants"})

    usage_tier: str
    read: Bucket
    write: Bucket


class ErrorBody(WireModel):
    """What went wrong, in the exchange's words; all parts may be absent."""

    UNREAD = frozenset({"service"})

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
