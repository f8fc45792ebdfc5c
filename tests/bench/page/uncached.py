"""The dashboard that renders its pages for every request: what `/` would cost without one answer for all.

`uvicorn tests.bench.page.uncached:app`
"""

from milkbot.dashboard.site import answers

answers.FRESH_SECONDS = answers.USABLE_SECONDS = 0.0

from milkbot.dashboard.asgi import app  # noqa: E402 - it is to find these

__all__ = ["app"]
