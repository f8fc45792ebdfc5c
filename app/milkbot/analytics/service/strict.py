"""Routes that refuse a query parameter that they do not know: a misspelt one would be ignored without a word."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from milkbot.analytics.service.problems import problem

ANY_PARAMETER: Final = frozenset({"/v1/health"})
"""What monitors read, and some add a parameter of their own so that no cache answers them."""


class StrictRoute(APIRoute):
    """Answers 422 to an unknown parameter, and to one that is given twice."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, behind that check."""
        answer = super().get_route_handler()
        if self.path in ANY_PARAMETER:
            return answer
        known = sorted(field.alias for field in self.dependant.query_params)

        async def checked(request: Request) -> Response:
            detail = _refused([name for name, _ in request.query_params.multi_items()], known)
            return problem(422, detail) if detail else await answer(request)

        return checked


def _refused(given: list[str], known: list[str]) -> str:
    """What is wrong with these names; nothing where all are well."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        allowed = f"use {', '.join(known)}" if known else "there are none here"
        return f"{', '.join(unknown)}: no parameter of that name; {allowed}"
    twice = sorted({name for name in given if given.count(name) > 1})
    return f"{', '.join(twice)}: given more than once" if twice else ""
