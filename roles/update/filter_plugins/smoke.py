"""What `milkbot db smoke` found wrong, for a report."""

from __future__ import annotations

import json
from typing import Any


def smoke_failures(out: str, err: str) -> str:
    """One line for each check that failed; what the command said instead, when it came to none."""
    try:
        rows = json.loads(out)
    except ValueError:
        return err.strip() or out.strip() or "it said nothing"
    return "\n".join(f"{row['check']} as {row['role']}: {row['detail']}" for row in rows if row["verdict"] != "ok")


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"update_smoke_failures": smoke_failures}
