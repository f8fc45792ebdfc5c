"""The weather service's errors: application/problem+json."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import JSONResponse

_TYPES = "https://api.weather.gov/problems"


class ProblemError(Exception):
    """A request that the weather service refuses."""

    def __init__(self, status: int, kind: str, title: str, detail: str) -> None:
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        super().__init__(f"{status} {kind}: {detail}")


def not_found(detail: str) -> ProblemError:
    """404: nothing there."""
    return ProblemError(404, "NotFound", "Not Found", detail)


def invalid_point(detail: str) -> ProblemError:
    """404: a place outside of what is served."""
    return ProblemError(404, "InvalidPoint", "Data Unavailable For Requested Point", detail)


def bad_parameter(detail: str) -> ProblemError:
    """400: a query parameter that is unknown or wrong."""
    return ProblemError(400, "BadRequest", "Bad Request", detail)


def forbidden() -> ProblemError:
    """403: nobody says who calls."""
    return ProblemError(403, "Forbidden", "Forbidden", "A User-Agent header that names the application is required.")


def problem(request: Request, error: ProblemError) -> JSONResponse:
    """The reply to a refused request."""
    correlation = hashlib.blake2b(f"{request.url}{error.detail}".encode(), digest_size=4).hexdigest()
    body = {
        "correlationId": correlation,
        "title": error.title,
        "type": f"{_TYPES}/{error.kind}",
        "status": error.status,
        "detail": error.detail,
        "instance": f"https://api.weather.gov/requests/{correlation}",
    }
    return JSONResponse(body, error.status, media_type="application/problem+json")
