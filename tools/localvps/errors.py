"""The one error that reaches the user, and the one way to tell of progress."""

from __future__ import annotations

import sys


class VpsError(Exception):
    """A failure told in one sentence: what, with which value, and the mend."""


def say(message: str) -> None:
    """Print one line of progress on stderr; stdout is kept for what programs read."""
    print(f"vps: {message}", file=sys.stderr, flush=True)
