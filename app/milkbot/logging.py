"""One log for a process: its own lines, those of its libraries, and those of the server that runs it."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Collection
from logging.handlers import WatchedFileHandler
from pathlib import Path

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from milkbot.errors import ConfigError
from milkbot.settings import Settings

HIDDEN = "(hidden)"
_SECRET_NAMES = re.compile(
    r"password|passphrase|secret|(^|_)token$|private_key|signature|authorization|api_key|cookie", re.IGNORECASE
)
# Hiding each letter of a short one would leave no line that can be read.
_SHORTEST_SECRET = 4
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
# These bring handlers of their own, and would write a second form of line.
_WITH_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "streamlit", "websockets")
# A line for each request that leaves, and the address in it, is worth a line only to who is searching.
_TALKATIVE = ("httpx2", "httpcore2", "urllib3", "watchdog", "alembic.runtime.plugins")


def configure_logging(settings: Settings, component: str) -> None:
    """Send every log line to standard error in LOG_FORMAT, and as JSON lines to LOG_FILE when that is set.

    Each line names its `component`. Values of secrets never pass, whatever the line. The file may be moved away at any
    time: the next line opens it anew. Raises ConfigError when it cannot be opened.
    """
    before_rendering: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Component(component),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
        _WithoutSecrets(_secrets_of(settings)),
    ]
    json = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before_rendering,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    console = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before_rendering,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
    )
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    handlers[0].setFormatter(json if settings.log_format == "json" else console)
    if settings.log_file is not None:
        handlers.append(_file_handler(settings.log_file))
        handlers[1].setFormatter(json)
    logging.basicConfig(handlers=handlers, level=settings.log_level, force=True)
    logging.captureWarnings(capture=True)
    adopt_loggers()
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before_rendering,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def adopt_loggers(names: Collection[str] = _WITH_OWN_HANDLERS) -> None:
    """Take from those loggers, and from all below them, handlers and level of their own, so that ours are in force.

    One that has neither a handler nor a way up was silenced on purpose (--no-access-log) and stays so, also when a
    library gives it a handler later, as Streamlit does while it starts.
    """
    below = tuple(f"{name}." for name in names)
    for name in list(logging.root.manager.loggerDict):
        if name in names or name.startswith(below):
            logger = logging.getLogger(name)
            if not (logger.handlers or logger.propagate):
                logger.disabled = True
            logger.handlers.clear()
            logger.propagate = not logger.disabled
            logger.setLevel(logging.NOTSET)


class _RotatedFileHandler(WatchedFileHandler):
    """Follows its file's name to a new file; writes on into the file that was moved away as long as it must.

    The directory belongs to another user, so only the rotation can make the new file, a moment after it moved the old.
    """

    def reopenIfNeeded(self) -> None:  # noqa: N802 - the base class' name
        try:
            Path(self.baseFilename).touch(exist_ok=True)
        except OSError:
            return
        super().reopenIfNeeded()


def _file_handler(path: Path) -> logging.Handler:
    try:
        return _RotatedFileHandler(path, encoding="utf-8")
    except OSError as error:
        fix = "give a file that this user may write, or unset it"
        raise ConfigError([f"LOG_FILE is {str(path)!r}: {error.strerror}; {fix}"]) from None


def _secrets_of(settings: Settings) -> frozenset[str]:
    values = (getattr(settings, name) for name in type(settings).model_fields)
    secrets = (value.get_secret_value() for value in values if isinstance(value, SecretStr))
    return frozenset(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)


def _without_colours(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """uvicorn adds its message a second time, for terminals."""
    event.pop("color_message", None)
    return event


class _Component:
    """Names the component in every line."""

    def __init__(self, component: str) -> None:
        self._component = component

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("component", self._component)
        return event


class _WithoutSecrets:
    """Hides values of variables with the name of a secret, known secrets anywhere, and passwords in addresses."""

    def __init__(self, secrets: frozenset[str]) -> None:
        # The longest first: one secret may be a part of another.
        alternatives = sorted(map(re.escape, secrets), key=len, reverse=True)
        self._known = re.compile("|".join(alternatives)) if alternatives else None

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {name: value if name.startswith("_") else self._clean(name, value) for name, value in event.items()}

    def _clean(self, name: str, value: object) -> object:
        if _SECRET_NAMES.search(name):
            return HIDDEN
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, dict):
            return {str(key): self._clean(str(key), inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean("", inner) for inner in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._clean_text(str(value))

    def _clean_text(self, text: str) -> str:
        text = _PASSWORD_IN_ADDRESS.sub(rf"\1:{HIDDEN}@", text)
        return self._known.sub(HIDDEN, text) if self._known else text
