"""Replies kept between reads, and between ticks where a directory is given (each tick is a process of its own)."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict

from milkbot.validation import reason

_log = structlog.get_logger(__name__)


class CachedReply(BaseModel):
    """A reply's body with what is needed to use it again: when it was last confirmed, and for how long it is good."""

    model_config = ConfigDict(frozen=True)

    path: str
    body: bytes
    last_modified: str | None
    confirmed_at: AwareDatetime
    max_age_seconds: int

    def is_fresh(self, now: datetime, at_least: float) -> bool:
        """Whether it may be used unasked: for the service's max-age or our own time, whichever is longer."""
        return self.is_younger(now, max(self.max_age_seconds, at_least))

    def is_younger(self, now: datetime, seconds: float) -> bool:
        """Whether it was confirmed less than that long ago; a moment in the future is no confirmation."""
        return timedelta(0) <= now - self.confirmed_at < timedelta(seconds=seconds)


class ReplyCache:
    """A dictionary by path, with one file for each. A file that cannot be read or written costs one more read."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._memory: dict[str, CachedReply] = {}

    def get(self, path: str) -> CachedReply | None:
        """The reply kept for a path, if there is one."""
        kept = self._memory.get(path)
        if kept is not None or self._directory is None:
            return kept
        file = self._file(self._directory, path)
        try:
            kept = CachedReply.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("weather_cache_unreadable", file=str(file), reason=reason(error))
            return None
        if kept.path != path:
            return None
        self._memory[path] = kept
        return kept

    def put(self, reply: CachedReply) -> None:
        """Keep a reply in place of the earlier one of its path."""
        self._memory[reply.path] = reply
        if self._directory is None:
            return
        file = self._file(self._directory, reply.path)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as whole:
                whole.write(reply.model_dump_json().encode())
            Path(whole.name).replace(file)
        except OSError as error:
            _log.warning("weather_cache_unwritable", file=str(file), reason=str(error))

    @staticmethod
    def _file(directory: Path, path: str) -> Path:
        return directory / f"{hashlib.sha256(path.encode()).hexdigest()[:32]}.json"
