"""Signed requests to the exchange: token buckets, retried reads, writes that are sent once, cursors, clock skew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from milkbot.domain.clock import Clock, Deadline
from milkbot.errors import ConfigError
from milkbot.http import (
    TIMEOUT_SECONDS,
    Backoff,
    HttpSession,
    Params,
    Reply,
    Traffic,
    Transport,
    TransportError,
    send_read,
)
from milkbot.venue.errors import ClockSkewError, UnusableReplyError, VenueReadError
from milkbot.venue.outcomes import read_error_body
from milkbot.venue.rate_limits import BASIC_READ, BASIC_WRITE, DEFAULT_COST, TokenBucket
from milkbot.venue.signing import ApiCredentials, sign
from milkbot.venue.wire.base import UnknownFields

MAX_SKEW_SECONDS: Final = 10.0
MOST_PAGES: Final = 500
BACKOFF: Final = Backoff(attempts=4, base_seconds=0.5, longest_seconds=4.0)
_PAGE_KEYS: Final = frozenset({"cursor", "event_positions", "milestones"})
_OF_ACCOUNT: Final = frozenset({401, 403, 408, 429})
"""Refusals that say nothing of what was requested."""
_HEADERS: Final = {"User-Agent": "milkbot", "Accept": "application/json"}


class VenueSession:
    """One account's connection. `clock_skew_seconds`: how far our clock is ahead of the exchange's, None until known.

    The exchange's Date has whole seconds, so the skew is good to about half a second.
    """

    def __init__(
        self,
        base_url: str,
        credentials: ApiCredentials | None,
        clock: Clock,
        transport: Transport | None = None,
        backoff: Backoff = BACKOFF,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_skew_seconds: float | None = MAX_SKEW_SECONDS,
    ) -> None:
        self._http = HttpSession(base_url, _HEADERS, transport, timeout_seconds=timeout_seconds)
        self._max_skew = max_skew_seconds
        self.unknown_fields: UnknownFields = UnknownFields()
        self._credentials = credentials
        self._clock = clock
        self._backoff = backoff
        self.reads = TokenBucket(clock, BASIC_READ)
        self.writes = TokenBucket(clock, BASIC_WRITE)
        self.clock_skew_seconds: float | None = None

    @property
    def traffic(self) -> Traffic:
        """The requests that were sent, repeated ones too."""
        return self._http.traffic

    def read_reply(self, path: str, params: Params = ()) -> Reply:
        """GET, repeated where that may help; the last reply stands.

        Raises VenueReadError if none came, ClockSkewError if its Date is too far from our clock.
        """

        def once() -> Reply:
            self.reads.take(DEFAULT_COST)
            return self._send("GET", path, params)

        try:
            reply = send_read(once, self._clock, self._backoff)
        except TransportError as error:
            raise VenueReadError(f"the exchange did not answer: {error}") from error
        self.check_clock()
        return reply

    def check_clock(self) -> None:
        """Raise ClockSkewError if the newest reply was too far from our clock; before any reply nothing is known."""
        skew = self.clock_skew_seconds
        if skew is not None and self._max_skew is not None and abs(skew) > self._max_skew:
            raise ClockSkewError(
                f"our clock is {abs(skew):.1f} seconds {'ahead of' if skew > 0 else 'behind'} the exchange's, "
                f"more than {self._max_skew:g}; synchronise it: systemctl status systemd-timesyncd"
            )

    def read(self, path: str, params: Params = ()) -> object:
        """The JSON of a GET that succeeded. Raises VenueReadError."""
        reply = self.read_reply(path, params)
        if not reply.ok:
            error = VenueReadError if reply.status in _OF_ACCOUNT else UnusableReplyError
            raise error(refusal(f"GET {path}", reply))
        try:
            return reply.json()
        except ValueError as error:
            raise UnusableReplyError(f"GET {path}: the answer is no JSON: {reply.excerpt()}") from error

    def rows(self, path: str, key: str, params: Params = ()) -> Iterator[object]:
        """Each of `key`'s entries over all pages. Raises VenueReadError, also for a cursor that comes twice and for
        a list without end: one that was cut short must not pass for a whole one.
        """
        seen: set[str] = set()
        cursor = ""
        for _ in range(MOST_PAGES):
            page = self.read(path, [*params, *([("cursor", cursor)] if cursor else [])])
            # An empty list may be null; one that is not there at all is another answer than was asked for.
            if not isinstance(page, dict) or key not in page or not isinstance(page[key], list | None):
                raise UnusableReplyError(f"GET {path}: the answer has no list {key!r}")
            self.unknown_fields.update((key, str(name)) for name in page.keys() - _PAGE_KEYS - {key})
            yield from page[key] or ()
            cursor = page.get("cursor") or ""
            if not cursor:
                return
            if not isinstance(cursor, str):
                raise UnusableReplyError(f"GET {path}: the cursor is no text: {cursor!r}")
            if cursor in seen:
                raise VenueReadError(f"GET {path}: the cursor {cursor!r} came twice")
            seen.add(cursor)
        raise VenueReadError(f"GET {path}: the list did not end after {MOST_PAGES} pages")

    def write(
        self,
        method: str,
        path: str,
        cost: int,
        *,
        params: Params = (),
        body: Mapping[str, object] | None = None,
        deadline: Deadline | None = None,
    ) -> Reply:
        """Send exactly once; the reply counts whatever its status. Raises TransportError, ConfigError without a key.

        The wait for tokens and the signing count toward the deadline: it is asked after them, at the socket.
        """
        if self._credentials is None:
            raise ConfigError(["KALSHI_API_KEY_ID is not set; orders need a key of the exchange"])
        self.writes.take(cost)
        return self._send(method, path, params, None if body is None else json.dumps(body).encode(), deadline)

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def _send(
        self, method: str, path: str, params: Params, body: bytes | None = None, deadline: Deadline | None = None
    ) -> Reply:
        headers = {} if body is None else {"Content-Type": "application/json"}
        authorize = None if self._credentials is None else self._authorize
        sent_at = self._clock.now()
        reply = self._http.send(
            method, path, params=params, body=body, headers=headers, authorize=authorize, deadline=deadline
        )
        self._measure_skew(sent_at, reply)
        return reply

    def _authorize(self, method: str, path: str) -> Mapping[str, str]:
        if self._credentials is None:
            return {}
        return sign(self._credentials, int(self._clock.now().timestamp() * 1000), method, path)

    def _measure_skew(self, sent_at: datetime, reply: Reply) -> None:
        try:
            theirs = parsedate_to_datetime(reply.headers["date"])
        except (KeyError, ValueError):
            return
        if theirs.tzinfo is None:
            return
        ours = sent_at + (self._clock.now() - sent_at) / 2
        self.clock_skew_seconds = (ours - theirs).total_seconds() - 0.5


def refusal(request: str, reply: Reply) -> str:
    """One sentence for a reply that is no success, with the fix where the status implies one."""
    said = read_error_body(reply)
    parts = dict.fromkeys(str(part) for part in (said.code, said.message, said.details) if part)
    words = ": ".join(parts) or reply.excerpt()
    fix = ""
    if reply.status == 401:
        fix = "; check KALSHI_API_KEY_ID, the key file, and this machine's clock"
    elif reply.status == 403:
        fix = "; the key's scopes do not allow this"
    return f"{request}: HTTP {reply.status} {words}{fix}"
