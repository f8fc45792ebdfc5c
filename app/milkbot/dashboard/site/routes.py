"""What the site answers, beside Streamlit in one process."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from milkbot.dashboard.site.answers import PageAnswers
from milkbot.dashboard.site.city import CityPage
from milkbot.dashboard.site.files import File, file, file_at
from milkbot.dashboard.site.pages import Overview, Page
from milkbot.dashboard.site.skill import SkillPage
from milkbot.dashboard.wording import city_of
from milkbot.serving import etag_matches

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MADE_HEADER = "X-Milkbot-Made"
"""When an answer was made: an unchanged page (304) says it too, and a proxy's copy keeps it."""
EXPLORER_SUMMARY = (
    "The public figures of Milkbot by span, measure and city. This page needs JavaScript; the overview does not."
)
_FOR_GOOD = "public, max-age=31536000, immutable"
# A proxy may give its copy while it fetches a new one; its own rules say what it does when there is none.
_PAGE_CACHE = "public, max-age=2, stale-while-revalidate=10"


def _compressed(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def _body(
    request: Request, body: bytes, zipped: bytes, media_type: str, headers: dict[str, str], status: int
) -> Response:
    headers |= {"Vary": "Accept-Encoding"}
    if _compressed(request):
        body, headers["Content-Encoding"] = zipped, "gzip"
    charset = "" if media_type.startswith("image/") else "; charset=utf-8"
    return Response(body, status, headers, f"{media_type}{charset}")


def _page(answers: PageAnswers, choose: Callable[[Request], Page[Any] | None]) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Response:
        page = choose(request)
        answer = answers.missing() if page is None else await answers.answer(page)
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        if answer.status == 200:
            made = answer.made_at.isoformat(timespec="seconds")
            headers |= {"ETag": answer.etag, "Cache-Control": _PAGE_CACHE, MADE_HEADER: made}
            if etag_matches(request.headers.get("If-None-Match", ""), answer.etag):
                return Response(status_code=304, headers=headers)
        return _body(request, answer.body, answer.zipped, "text/html", headers, answer.status)

    return respond


def _send(request: Request, found: File, caching: str) -> Response:
    return _body(request, found.content, found.zipped, found.media_type, {"Cache-Control": caching}, 200)


async def _asset(request: Request) -> Response:
    found = file_at(request.path_params["name"])
    if found is None:
        return Response("no such file\n", 404, media_type="text/plain")
    return _send(request, found[0], _FOR_GOOD if found[1] else "no-cache")


def _named(name: str) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Response:
        return _send(request, file(name), "public, max-age=86400")

    return respond


@cache
def _explorer() -> bytes:
    """Streamlit's page, which says for itself what it is: for search engines, previews, and where nothing runs."""
    markup = resources.files("streamlit").joinpath("static", "index.html").read_text("utf-8")
    title = "<title>Milkbot: explore the public figures</title>"
    about = f'<meta name="description" content="{EXPLORER_SUMMARY}" />'
    # Its description of an interface that is switched off.
    without_agent = re.sub(r"<link rel=.service-desc.[^>]*>", "", markup)
    return without_agent.replace("<title>Streamlit</title>", f"{title}\n    {about}").encode()


async def _explore(_request: Request) -> Response:
    return Response(_explorer(), headers={"Cache-Control": "no-cache"}, media_type="text/html")


def _city(request: Request) -> CityPage | None:
    code = str(request.path_params["code"]).upper()
    return CityPage(code) if city_of(code) else None


def site_routes(answers: PageAnswers) -> list[BaseRoute]:
    """The routes of the public pages and of their files."""
    return [
        Route("/", _page(answers, lambda request: Overview.of(request.query_params))),
        Route("/skill", _page(answers, lambda _request: SkillPage())),
        Route("/city/{code}", _page(answers, _city)),
        Route("/explore", _explore),
        Route("/assets/{name}", _asset),
        Route("/favicon.ico", _named("favicon.ico")),
        Route("/robots.txt", _named("robots.txt")),
    ]
