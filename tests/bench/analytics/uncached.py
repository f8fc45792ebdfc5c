"""The API that keeps no answer, for uvicorn."""

from __future__ import annotations

from milkbot.analytics.service import application

application.CACHE_SECONDS = 0

from milkbot.analytics.api import app  # noqa: E402 - it makes the application when it is imported

__all__ = ["app"]
