"""Reads of the weather service: named, retried, and asked again only when a kept reply is no longer good."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from milkbot.domain.clock import Clock
from milkbot.errors import ConfigError
from milkbot.http import Backoff, HttpSession, Params, Reply, Traffic, Transport, TransportError, send_read
from milkbot.weather.cache import CachedReply, ReplyCache
from milkbot.weather.errors import NotFoundError, WeatherReadError

BACKOFF: Final = Backoff(attempts=3, base_seconds=2.0, longest_seconds=5.0)
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d+)")
_UNCHANGED: Final = 304
_NOT_FOUND: Final = 404


class WeatherSession:
    """Connections to the weather service. Raises ConfigError without a User-Agent: the service answers 403 then."""

    def __init__(
        self,
        base_url: str,
        user_agent: str,
        clock: Clock,
        transport: Transport | None = None,
        cache_directory: Path | None = None,
        backoff: Backoff = BACKOFF,
    ) -> None:
        if not user_agent.strip():
            raise ConfigError(["NWS_USER_AGENT is empty; set it to the application's name and a contact address"])
        headers = {"User-Agent": user_agent, "Accept": "application/geo+json"}
        self._http = HttpSession(base_url, headers, transport, follow_redirects=True)
        self._clock = clock
        self._backoff = backoff
        self._cache = ReplyCache(cache_directory)

    @property
    def traffic(self) -> Traffic:
        """The requests that were sent, repeated ones too; what the cache answered is none."""
        return self._http.traffic

    def read(self, path: str, params: Params = ()) -> Reply:
        """GET. Raises WeatherReadError for anything but a success."""
        return self._succeeded(path, self._get(path, params))

    def read_cached(self, path: str, at_least_seconds: float) -> CachedReply:
        """A reply that is kept for that long, or longer where the service's Cache-Control says so.

        When its time is over it is confirmed with If-Modified-Since. Raises WeatherReadError.
        """
        kept = self._cache.get(path)
        if kept is not None and kept.is_fresh(self._clock.now(), at_least_seconds):
            return kept
        return self._renewed(path, kept)

    def read_again(self, path: str, but_after_seconds: float) -> CachedReply:
        """What is there now, whatever Cache-Control said of the kept reply. Raises WeatherReadError.

        A reply that was confirmed less than `but_after_seconds` ago is what is there now.
        """
        kept = self._cache.get(path)
        if kept is not None and kept.is_younger(self._clock.now(), but_after_seconds):
            return kept
        return self._renewed(path, None)

    def _renewed(self, path: str, kept: CachedReply | None) -> CachedReply:
        conditions = {"If-Modified-Since": kept.last_modified} if kept is not None and kept.last_modified else {}
        reply = self._get(path, headers=conditions)
        unchanged = kept is not None and reply.status == _UNCHANGED
        body = kept.body if kept is not None and unchanged else self._succeeded(path, reply).content
        cache_control = reply.headers.get("cache-control", "").lower()
        max_age = _MAX_AGE.search(cache_control)
        kept = CachedReply(
            path=path,
            body=body,
            last_modified=reply.headers.get("last-modified") or (kept.last_modified if kept and unchanged else None),
            confirmed_at=self._clock.now(),
            max_age_seconds=int(max_age[1]) if max_age else 0,
        )
        if "no-store" not in cache_control:
            self._cache.put(kept)
        return kept

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def _get(self, path: str, params: Params = (), headers: dict[str, str] | None = None) -> Reply:
        try:
            return send_read(
                lambda: self._http.send("GET", path, params=params, headers=headers), self._clock, self._backoff
            )
        except TransportError as error:
            raise WeatherReadError(f"the weather service did not answer: {error}") from error

    @staticmethod
    def _succeeded(path: str, reply: Reply) -> Reply:
        if reply.ok:
            return reply
        fix = "; check NWS_USER_AGENT" if reply.status == 403 else ""
        problem = NotFoundError if reply.status == _NOT_FOUND else WeatherReadError
        raise problem(f"weather service: GET {path}: HTTP {reply.status} {reply.excerpt()}{fix}")
