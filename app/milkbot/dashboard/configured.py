"""The dashboard's configuration, read once a process."""

from __future__ import annotations

from functools import cache

from milkbot.load_settings import load_settings
from milkbot.settings import Settings


@cache
def settings() -> Settings:
    """The settings of this process. Raises ConfigError; the ASGI entry point has asked before any page does."""
    return load_settings()
