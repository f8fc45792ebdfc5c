"""Lines to the operator, or to the log of cron, that are not rows."""

from __future__ import annotations

import sys
from contextlib import suppress


def complain(text: str) -> None:
    """A line on stderr. When the log's disk is full there is none: that must not end what goes on."""
    with suppress(OSError):
        print(f"healthcheck.sh: {text}", file=sys.stderr, flush=True)
