"""Faults between the simulator and its client: replies that are lost, late, false or not there at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from milkbot.simulator.connections import Connections
from milkbot.simulator.core import Simulator
from milkbot.simulator.fault_kinds import WIRE, FaultKind
from milkbot.simulator.faults import Fired, only
from milkbot.simulator.faulty import bodies, mangling

FIRED = "milkbot.fired"
"""Where a request's scope says which faults hit it."""

PATIENCE = "milkbot.patience"
"""Where a caller in this process says for how many seconds it waits: then nobody has to wait for real."""

_CREATED = 201


class ReplyLostError(ConnectionResetError):
    """In this process, where there is no connection to reset: what its client would see of one."""


class ReplyLateError(TimeoutError):
    """In this process: the reply would come later than the caller waits."""


class Captured:
    """A reply that is held back."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.content = b""

    async def take(self, message: Message) -> None:
        """In place of the real `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name, value) for name, value in message["headers"] if name.lower() != b"content-length"]
        elif message["type"] == "http.response.body":
            self.content += message.get("body", b"")

    async def give(self, send: Send) -> None:
        """Send it after all."""
        headers = [*self.headers, (b"content-length", str(len(self.content)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})


class FaultGate:
    """Stands before the routes and lets the plan's faults happen.

    `exchange` is the prefix of the exchange's paths, by which its calls are not named; `weather` that of the others.
    """

    def __init__(
        self, app: ASGIApp, simulator: Simulator, connections: Connections, *, exchange: str, weather: str
    ) -> None:
        self._app = app
        self._simulator = simulator
        self._connections = connections
        self._exchange = exchange
        self._weather = weather

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless a fault says otherwise."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith((f"{self._exchange}/", f"{self._weather}/")):
            await self._app(scope, receive, send)
            return
        fired = self._simulator.faults.draw(scope["method"], path.removeprefix(self._exchange))
        if not fired:
            await self._app(scope, receive, send)
            return
        scope[FIRED] = fired
        body = await _whole(receive)
        vanished = only(fired, FaultKind.SERIES_VANISHED)
        if vanished is not None and mangling.is_of_series(vanished.path, bodies.series_of(vanished)):
            await _error(404, _NOT_FOUND).give(send)
            return
        wire = only(fired, *WIRE)
        if wire is None:
            await (await self._answered(scope, receive, body, fired)).give(send)
        else:
            await self._play(wire, fired, scope, receive, send, body)

    async def _play(
        self, wire: Fired, fired: Sequence[Fired], scope: Scope, receive: Receive, send: Send, body: bytes
    ) -> None:
        kind = wire.rule.fault
        if kind is FaultKind.CONNECTION_RESET:
            await self._reset(scope, receive)
        elif kind is FaultKind.RATE_LIMITED:
            await _error(429, {"error": "too many requests"}).give(send)
        elif kind is FaultKind.ERROR_BEFORE:
            await _error(wire.rule.status, _UNAVAILABLE).give(send)
        elif kind is FaultKind.OK_WITH_ERROR_BODY and not wire.rule.accepted:
            await _error(_CREATED if scope["method"] == "POST" else 200, _RETIRED).give(send)
        else:
            reply = await self._answered(scope, receive, body, fired)
            if kind is FaultKind.DUPLICATE_CONFLICT:
                await (await self._answered(scope, receive, body, fired)).give(send)
            elif kind is FaultKind.ERROR_AFTER:
                await _error(wire.rule.status, _UNAVAILABLE).give(send)
            elif kind is FaultKind.OK_WITH_ERROR_BODY:
                await _error(reply.status, _RETIRED).give(send)
            elif kind is FaultKind.DELAYED_REPLY:
                await self._late(wire.rule.seconds, reply, scope, receive, send)
            else:
                await self._reset(scope, receive)

    async def _answered(self, scope: Scope, receive: Receive, body: bytes, fired: Sequence[Fired]) -> Captured:
        """The exchange's own reply, with the faults of its body in it."""
        reply = Captured()
        await self._app(dict(scope), _again(body, receive), reply.take)
        changes = [one for one in fired if one.rule.fault in bodies.KINDS]
        if changes:
            reply.content = bodies.rewritten(reply.content, changes)
        return reply

    async def _reset(self, scope: Scope, receive: Receive) -> None:
        if not self._connections.reset(scope["client"] and tuple(scope["client"])):
            raise ReplyLostError("the connection was reset")
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _late(self, seconds: float, reply: Captured, scope: Scope, receive: Receive, send: Send) -> None:
        patience = scope.get("extensions", {}).get(PATIENCE)
        if patience is None:
            gone = asyncio.ensure_future(receive())
            await asyncio.wait([gone], timeout=seconds)
            gone.cancel()
        elif seconds > patience:
            raise ReplyLateError(f"the reply comes after {seconds:g} seconds")
        await reply.give(send)


_NOT_FOUND = {"error": {"code": "not_found", "message": "not found"}}
_UNAVAILABLE = {"error": {"code": "service_unavailable", "message": "try again later"}}
_RETIRED = {"error": {"code": "deprecated_v1_order_endpoint", "message": "use another endpoint"}}


def _error(status: int, body: Mapping[str, object]) -> Captured:
    reply = Captured()
    reply.status = status
    reply.headers = [(b"content-type", b"application/json")]
    reply.content = json.dumps(body).encode()
    return reply


def fired_at(scope: Scope) -> tuple[Fired, ...]:
    """The faults that hit a request."""
    found: tuple[Fired, ...] = scope.get(FIRED, ())
    return found


def skew_of(scope: Scope) -> timedelta:
    """How far the exchange's clock is ahead for a request."""
    one = only(fired_at(scope), FaultKind.CLOCK_SKEW)
    return timedelta(seconds=0 if one is None else one.rule.seconds)


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The request's body once more, then whatever really comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
