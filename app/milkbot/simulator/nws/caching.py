"""HTTP caching as the weather service does it: Cache-Control, Last-Modified, and 304 for what has not changed."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

GEOJSON = "application/geo+json"


def cached(request: Request, body: dict[str, Any], modified: datetime, max_age: int) -> Response:
    """The reply with its age, or 304 when the caller already has it."""
    stamp = modified.astimezone(UTC).replace(microsecond=0)
    headers = {
        "Cache-Control": f"public, max-age={max_age}, s-maxage={max_age}",
        "Last-Modified": format_datetime(stamp, usegmt=True),
        "Vary": "Accept, Feature-Flags",
    }
    if _has_newest(request, stamp):
        return Response(status_code=304, headers=headers)
    return JSONResponse(body, headers=headers, media_type=GEOJSON)


def _has_newest(request: Request, stamp: datetime) -> bool:
    since = request.headers.get("If-Modified-Since")
    if since is None:
        return False
    try:
        known = parsedate_to_datetime(since)
    except ValueError:
        return False
    return known.tzinfo is not None and known >= stamp
