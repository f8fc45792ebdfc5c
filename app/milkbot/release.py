"""Which release this process runs."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path


@cache
def release_id() -> str:
    """The id in `release.json` beside this process' environment, "dev" in a checkout.

    Read once: the answer is the code that this process runs, whatever the `current` link says later.
    """
    record = Path(sys.prefix).resolve().parent / "release.json"
    if not record.exists():
        return "dev"
    return str(json.loads(record.read_text("utf-8"))["id"])
