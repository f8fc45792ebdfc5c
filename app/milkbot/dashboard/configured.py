"""What all of a process's pages share: the configuration, read once, the way to the API, and what they show."""

from __future__ import annotations

from functools import cache

from milkbot.dashboard.api_client import AnalyticsApi
from milkbot.dashboard.explored import Views
from milkbot.load_settings import load_settings
from milkbot.settings import Settings


@cache
def settings() -> Settings:
    """The settings of this process. Raises ConfigError; the ASGI entry point has asked before any page does."""
    return load_settings()


@cache
def analytics() -> AnalyticsApi:
    """The connections to the analytics API. Raises ConfigError, as `settings` does."""
    return AnalyticsApi(settings().analytics_api_url)


@cache
def views() -> Views:
    """What the explorer shows, for all of its visitors. Raises ConfigError, as `settings` does."""
    return Views(analytics, fresh_seconds=min(5, settings().dash_refresh_sec * 0.9))
