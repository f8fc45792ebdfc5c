"""The one error that reaches the user, and the one way to report progress."""

from __future__ import annotations

import sys


class VpsError(Exception):
    """A failure in one sentence: what, with which value, and the fix."""


def say(message: str) -> None:
    """Print one line of progress on stderr; stdout is kept for what programs read."""
    print(f"vps: {message}", file=sys.stderr, flush=True)
