"""What the commands are made of: the settings of this host, and the clients built from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from milkbot.db.session import make_engine
from milkbot.load_settings import load_settings, warnings
from milkbot.logging import configure_logging
from milkbot.release import release_directory
from milkbot.settings import Settings


def settings_of_host(component: str, *, quiet: bool = False) -> Settings:
    """The settings from the environment, and from `.env` of the installation where this user may read it.

    MILKBOT_ENV_FILE names another file. Logging is set up on the way, `quiet` from warnings on: where a person looks
    on, the command's own output speaks. Raises ConfigError.
    """
    settings = load_settings(env_file=_env_file())
    configure_logging(settings.model_copy(update={"log_level": "WARNING"}) if quiet else settings, component)
    for warning in warnings(settings):
        print(f"milkbot: warning: {warning}", file=sys.stderr)
    return settings


def _env_file() -> Path | None:
    named = os.environ.get("MILKBOT_ENV_FILE")
    if named:
        return Path(named)
    release = release_directory()
    if release is None:
        return None
    beside = release.parent.parent / ".env"
    return beside if os.access(beside, os.R_OK) else None


@contextmanager
def open_database(settings: Settings, application: str) -> Iterator[Engine]:
    """An engine on the configured database, named after the command; its connections end with the block."""
    engine = make_engine(settings.database, application=f"milkbot {application}")
    try:
        yield engine
    finally:
        engine.dispose()
