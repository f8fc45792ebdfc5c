"""What every request of the weather service is checked for."""

from __future__ import annotations

import re
from datetime import datetime

from starlette.requests import Request

from milkbot.simulator.nws.problems import bad_parameter, forbidden, not_found

PREFIX = "/nws"
MOST_OBSERVATIONS = 500
_CELL = re.compile(r"^(\d{1,3}),(\d{1,3})$")

Asked = dict[str, str]


def checked(request: Request, *known: str) -> Asked:
    """The query. Raises ProblemError without a User-Agent (403) and for an unknown parameter (400)."""
    if not request.headers.get("User-Agent", "").strip():
        raise forbidden()
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise bad_parameter(f"Query parameter {unknown[0]!r} is not recognized")
    return dict(request.query_params)


def base(request: Request) -> str:
    """The address under which the caller reached the service."""
    return f"{request.url.scheme}://{request.url.netloc}{PREFIX}"


def cell(text: str) -> tuple[int, int]:
    """The x and y of a grid cell. Raises ProblemError."""
    found = _CELL.match(text)
    if not found:
        raise not_found(f"Grid cell {text} is not x,y")
    return int(found[1]), int(found[2])


def moment(asked: Asked, name: str, default: datetime) -> datetime:
    """A moment of the query. Raises ProblemError for one without an offset."""
    if name not in asked:
        return default
    try:
        found = datetime.fromisoformat(asked[name].replace(" ", "+"))
    except ValueError:
        raise bad_parameter(f"{name} is {asked[name]}, expected an ISO 8601 moment") from None
    if found.tzinfo is None:
        raise bad_parameter(f"{name} is {asked[name]}, expected an ISO 8601 moment with its offset")
    return found


def limit(text: str) -> int:
    """A page size. Raises ProblemError."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MOST_OBSERVATIONS:
        raise bad_parameter(f"limit is {text}, expected 1 to {MOST_OBSERVATIONS}")
    return int(text)


def midnight(at: datetime) -> datetime:
    """The start of a UTC day: when what hardly ever changes counts as changed."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
