"""Errors as application/problem+json, each with a detail that says what the client must change."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from milkbot.analytics.service.schemas import Problem
from milkbot.errors import DatabaseUnavailableError

_log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error response."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    kept_by_nobody = {"Cache-Control": "no-store", **(headers or {})}
    return Response(body.model_dump_json(), status, headers=kept_by_nobody, media_type=MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Give every error of the application that form."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(DatabaseUnavailableError, _of_database)
    app.add_exception_handler(SQLAlchemyError, _of_database)
    app.add_exception_handler(Exception, _of_anything)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(404, f"there is nothing at {request.url.path}; see /v1/openapi.json")
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}", headers)


async def _of_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    rows = [
        f"{row['loc'][-1]} is {row['input']!r}: {str(row['msg'])[:1].lower()}{row['msg'][1:]}" for row in error.errors()
    ]
    return problem(422, "; ".join(rows))


async def _of_database(request: Request, error: Exception) -> Response:
    _log.error("database did not answer", path=request.url.path, error=error)
    return problem(503, "the database does not answer; try again in a minute", {"Retry-After": "60"})


async def _of_anything(request: Request, error: Exception) -> Response:
    _log.error("request failed", path=request.url.path, exc_info=error)
    return problem(500, "the service failed on this request; its log has the reason")
