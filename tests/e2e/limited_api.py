"""The analytics service as on a host: with the table of limits that its roles write, at MILKBOT_TEST_LIMITS."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

# Only a release has the table, and this is a checkout.
mock.patch("milkbot.limits.limits_path", return_value=Path(os.environ["MILKBOT_TEST_LIMITS"])).start()

from milkbot.analytics.api import app  # noqa: E402 - what it imports is replaced above

__all__ = ["app"]
