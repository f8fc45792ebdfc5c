"""What the health check fails and no cause explains: nothing that fails is missing from a diagnosis."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import Diagnosis

# These report what happened since the last check with --alert, and are healthy again in the next one.
_EVENTS = ("restarts", "OOM kills")


def unexplained(collection: Collection, found: AbstractSet[str]) -> Diagnosis | None:
    """The rows that fail, where no serious cause was found, but for those that name one of the causes that were."""
    rows = [row for row in collection.failing("*") if row.name not in _EVENTS and row.cause not in found]
    if not rows:
        return None
    return Diagnosis(
        "row-fails",
        f"The health check fails: {rows[0].name}" if len(rows) == 1 else f"The health check fails in {len(rows)} rows",
        tuple(f"{row.name}: {row.value}" for row in rows),
        "no cause of it was found; each row names its own remedy",
        tuple(dict.fromkeys(row.remedy for row in rows)),
    )
