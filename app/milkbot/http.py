"""The one module that sends requests out of the host: plain replies and two kinds of failure come back."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Final

import httpx2

from milkbot import failpoints
from milkbot.domain.clock import Clock, Deadline

Transport = httpx2.BaseTransport
Params = Sequence[tuple[str, str]]
Authorize = Callable[[str, str], Mapping[str, str]]
"""Headers for a method and the path, from the host's root, that really goes over the wire."""

TIMEOUT_SECONDS: Final = 15.0
"""How long a reply is waited for, unless a session says otherwise."""

WRITE_SECONDS: Final = 5.0
"""How long a request may wait for room in the socket."""

UNACKNOWLEDGED_SECONDS: Final = 10.0
"""How long the kernel repeats what the other side has not acknowledged, also after the socket was closed. Then it drops
the connection and all that waits in it."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of a reply's body, unpacked. The largest that is expected, all open events of 48 series, has some two."""

REPLY_SECONDS: Final = 60.0
"""How long a reply may take from its first byte to its last: the timeout of a read begins anew with every byte."""

_CONNECT_SECONDS: Final = 5.0
_SOCKET_OPTIONS: Final = [(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNACKNOWLEDGED_SECONDS * 1000))]
_BEFORE_BYTES: Final = ("send_request_headers.started", "send_request_body.started")
"""What the library says before it writes to the socket: it is connected then, and TLS is agreed on."""
_NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_RETRY_STATUS: Final = frozenset({408, 429})
_TOO_MANY: Final = 429


class TransportError(Exception):
    """No reply came. `possibly_sent` is False only where no connection was made, so no byte of the request left."""

    def __init__(self, message: str, *, possibly_sent: bool) -> None:
        self.possibly_sent = possibly_sent
        super().__init__(message)


class TooLateError(TransportError):
    """The deadline passed before the request had left: no byte of its body did."""

    def __init__(self, request: str) -> None:
        super().__init__(f"{request}: kept back, for its deadline has passed", possibly_sent=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that was read to its end. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """The body, decimal numbers exact. Raises ValueError if it is no JSON."""
        try:
            return json.loads(self.content, parse_float=Decimal)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None

    def excerpt(self) -> str:
        """The body's beginning on one line, for messages."""
        return " ".join(self.content[:200].decode("utf-8", "replace").split())


@dataclass(slots=True)
class Traffic:
    """Requests of a session so far: how many by answer, and the seconds that they took together.

    An answer is the class of its status ("2xx"), "429" apart from the others of its class, or "none".
    """

    answers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, status: int | None, seconds: float) -> None:
        """Count a request; without a status no reply came."""
        answer = "none" if status is None else "429" if status == _TOO_MANY else f"{status // 100}xx"
        self.answers[answer] += 1
        self.seconds += seconds


class HttpSession:
    """Connections to one base address. Proxies of the environment are ignored: they could read and redirect orders."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        transport: Transport | None = None,
        *,
        follow_redirects: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._client = httpx2.Client(
            base_url=base_url,
            headers=dict(headers),
            transport=transport or httpx2.HTTPTransport(_tls(), trust_env=False, socket_options=_SOCKET_OPTIONS),
            timeout=httpx2.Timeout(
                timeout_seconds,
                connect=min(timeout_seconds, _CONNECT_SECONDS),
                write=min(timeout_seconds, WRITE_SECONDS),
            ),
            follow_redirects=follow_redirects,
            trust_env=False,
        )
        self.traffic = Traffic()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        authorize: Authorize | None = None,
        deadline: Deadline | None = None,
    ) -> Reply:
        """Send once and read the whole reply, whatever its status. Raises TransportError.

        Past its deadline nothing is written any more: this raises TooLateError, which is asked last when the socket is
        connected and the body would be its next bytes.
        """
        request = self._client.build_request(
            method,
            path,
            params=list(params) or None,
            content=body,
            headers=dict(headers or {}),
            extensions={} if deadline is None else {"trace": _kept_to(deadline, f"{method} {path}")},
        )
        if authorize is not None:
            wire_path = request.url.raw_path.partition(b"?")[0].decode("ascii")
            request.headers.update(authorize(method, wire_path))
        if deadline is not None and deadline.passed:
            raise TooLateError(f"{method} {path}")
        started, status = time.monotonic(), None
        try:
            failpoints.reach("request.sending")
            response = self._client.send(request, stream=True)
            status = response.status_code
            content = _read(response)
            failpoints.reach("request.answered")
        except httpx2.RequestError as error:
            sent = not isinstance(error, _NEVER_SENT)
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise TransportError(f"{method} {request.url.host}{path}: {reason}", possibly_sent=sent) from error
        finally:
            self.traffic.add(status, time.monotonic() - started)
        return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, content)

    def close(self) -> None:
        """Drop all connections."""
        self._client.close()


def _read(response: httpx2.Response) -> bytes:
    """The whole body. Raises httpx2.RequestError, also for one that has no end, or does not come to it."""
    content, until = bytearray(), time.monotonic() + REPLY_SECONDS
    try:
        for part in response.iter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise httpx2.ReadError(f"the reply has more than {MOST_BYTES} bytes")
            if time.monotonic() > until:
                raise httpx2.ReadTimeout(f"the reply did not end within {REPLY_SECONDS:g} seconds")
    finally:
        response.close()
    return bytes(content)


@cache
def _tls() -> ssl.SSLContext:
    """What every session agrees on: to make one reads all certificate authorities of the system."""
    return httpx2.create_ssl_context(trust_env=False)


def _kept_to(deadline: Deadline, request: str) -> Callable[[str, Mapping[str, object]], None]:
    """What the library calls at its steps: it stops a request that would be written after the deadline."""

    def step(event: str, _: Mapping[str, object]) -> None:
        if event.endswith(_BEFORE_BYTES) and deadline.passed:
            raise TooLateError(request)

    return step


@dataclass(frozen=True, slots=True)
class Backoff:
    """How a read is repeated: waits of up to base x 2^n seconds, full jitter, never above `longest`."""

    attempts: int
    base_seconds: float
    longest_seconds: float
    jitter: Callable[[], float] = secrets.SystemRandom().random

    def wait(self, failures: int) -> float:
        """Seconds to wait after that many failures."""
        return self.jitter() * min(self.longest_seconds, self.base_seconds * (1 << (failures - 1)))


def send_read(send: Callable[[], Reply], clock: Clock, backoff: Backoff) -> Reply:
    """Repeat a read on a lost connection, 408, 429 and any 5xx; the last reply stands. Raises the last TransportError.

    For reads only: what was sent may have been done each time.
    """
    for failures in range(1, backoff.attempts):
        try:
            reply = send()
        except TransportError:
            clock.sleep(backoff.wait(failures))
            continue
        if reply.status not in _RETRY_STATUS and reply.status < 500:
            return reply
        clock.sleep(backoff.wait(failures))
    return send()
