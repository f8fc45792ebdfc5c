"""The page itself: one view of everything, and a form for each act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from milkbot.amounts import cents, contracts, dollars, signed_dollars
from milkbot.control.requests import LONGEST, AcceptTerms, Act, Answer, CancelAll, CloseFinding, Halt, Resume
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import MODE_NOTES
from milkbot.errors import DatabaseUnavailableError
from milkbot.limits import limits_path, read_limits
from milkbot.operate.guard import OnlyItself, Tickets, Use
from milkbot.operate.host import read_host
from milkbot.operate.overview import Overview, read_overview
from milkbot.operate.peers import actor_of
from milkbot.release import release_id
from milkbot.settings import Settings

Form = Mapping[str, list[str]]
_MANY_ANSWERS = 200
_FILES = {"style.css": "text/css", "live.js": "text/javascript"}


class OperatorPage:
    """The routes, and what they remember: the tickets of forms, and the answers to acts."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        ask: Callable[[str, Act], Answer],
        health: Path,
        login_user: str | None = None,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._ask = ask
        self._health = health
        self._login_user = login_user
        self._tickets = Tickets()
        self._answers: dict[str, tuple[str, Answer]] = {}
        self._templates = _templates()

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/", self._show),
            Route("/act/{name}", self._act, methods=["POST"]),
            *(Route(f"/{name}", _file(name, kind)) for name, kind in _FILES.items()),
        ]
        return Starlette(routes=routes, middleware=[Middleware(OnlyItself)])

    async def _show(self, request: Request) -> Response:
        actor, city, reason = (
            self._actor(request),
            request.query_params.get("city", ""),
            request.query_params.get("reason", ""),
        )
        asked = self._answers.get(request.query_params.get("done", ""))
        answer = asked[1] if asked is not None and asked[0] == actor else None
        return await self._page(actor, answer, city, reason)

    async def _page(
        self,
        actor: str,
        answer: Answer | None = None,
        city: str = "",
        reason: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        overview, problem = await run_in_threadpool(self._read)
        host = await run_in_threadpool(read_host, self._health)
        late = (read_limits(limits_path()) or {}).get("tick_late_seconds")
        shown = self._templates.get_template("page.html").render(
            actor=actor,
            answer=answer,
            overview=overview,
            problem=problem,
            host=host,
            release=release_id(),
            late_after=None if late is None else timedelta(seconds=late),
            now=SystemClock().now(),
            ticket=lambda: self._tickets.issue(actor),
            city=city,
            reason=reason,
        )
        return HTMLResponse(shown, status)

    def _read(self) -> tuple[Overview | None, str]:
        """The ledger, or why there is none."""
        try:
            with transaction(self._engine) as session:
                return read_overview(session, self._settings, SystemClock().now()), ""
        except DatabaseUnavailableError as error:
            return None, str(error)

    def _actor(self, request: Request) -> str:
        actor = actor_of(request, self._login_user)
        if actor is None:
            raise HTTPException(HTTPStatus.FORBIDDEN, "refused: the login names nobody\n")
        return actor

    async def _act(self, request: Request) -> Response:
        actor, body = self._actor(request), await request.body()
        if len(body) > LONGEST:
            return PlainTextResponse(
                f"refused: the form has more than {LONGEST} bytes\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            )
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        ticket = form.get("ticket", [""])[0]
        try:
            wanted = act_of(request.path_params["name"], form)
        except (KeyError, ValueError) as error:
            said = f"nothing was done: {_why(error)}"
            return await self._page(actor, Answer(done=False, said=[said]), status=HTTPStatus.BAD_REQUEST)
        match self._tickets.use(actor, ticket):
            case Use.UNKNOWN:
                said = "nothing was done: this form is too old; look at the page below, and act again"
                return await self._page(actor, Answer(done=False, said=[said]), status=HTTPStatus.CONFLICT)
            case Use.FIRST:
                self._answers[ticket] = (actor, await run_in_threadpool(self._ask, actor, wanted))
                while len(self._answers) > _MANY_ANSWERS:
                    del self._answers[next(iter(self._answers))]
            case Use.AGAIN:
                # The form came twice; what it asked for was done once, and this shows the same answer.
                pass
        return RedirectResponse(f"/?done={ticket}", HTTPStatus.SEE_OTHER)


def act_of(name: str, form: Form) -> Act:
    """What a form asks for. Raises KeyError for what it lacks, ValueError for what it has wrong."""
    match name:
        case "halt":
            return Halt(reason=_words(form, "reason"))
        case "resume":
            return Resume(reason=_words(form, "reason"), holds=tuple(int(one) for one in form.get("hold", [])))
        case "cancel-all":
            return CancelAll()
        case "close-finding":
            return CloseFinding(finding=int(form["finding"][0]), note=_words(form, "note"))
        case "accept-terms":
            return AcceptTerms(fingerprints=tuple(form.get("fingerprint", [])), reason=_words(form, "reason"))
    raise ValueError(f"there is no act {name}")


def _words(form: Form, field: str) -> str:
    words = form.get(field, [""])[0].strip()
    if not words:
        raise ValueError(f"{field} is empty; say why, it is the record of this act")
    return words


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{row['loc'][-1]}: {row['msg']}" for row in error.errors())
    return f"the form lacks {error}" if isinstance(error, KeyError) else str(error)


def _file(name: str, kind: str) -> Callable[[Request], Response]:
    content = resources.files("milkbot.operate").joinpath(name).read_bytes()

    def send(_request: Request) -> Response:
        return Response(content, media_type=kind)

    return send


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("milkbot.operate", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "dollars": dollars,
        "gain": signed_dollars,
        "cents": cents,
        "number": contracts,
        "utc": utc,
        "age": age,
    }
    environment.globals["MODE_NOTES"] = MODE_NOTES
    return environment


def utc(moment: datetime) -> str:
    """28 Nov, 12:05:10 in UTC."""
    return f"{moment.astimezone(UTC):%d %b, %H:%M:%S}".lstrip("0")


def age(moment: datetime, now: datetime) -> str:
    """How long ago, in the largest two units: 12 s, 4 min, 2 h 5 min, 3 d 4 h."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if not hours:
        return f"{minutes} min"
    return f"{days} d {hours % 24} h" if days else f"{hours} h {minutes % 60} min"
