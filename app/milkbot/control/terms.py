"""Accept fees and rules of a series that changed."""

from __future__ import annotations

from collections.abc import Collection

from milkbot.control.record import Acting, keep, now, reason_of
from milkbot.db import terms as rows
from milkbot.db.session import transaction
from milkbot.errors import MilkbotError


def accept_terms(acting: Acting, fingerprints: Collection[str], reason: str) -> None:
    """Accept changed terms, in every series that has them: its markets are traded again from the next tick on.

    Raises MilkbotError for a fingerprint that waits for nothing, or an empty reason.
    """
    said, at, who = reason_of(reason, "--reason", "why"), now(), acting.actor
    with transaction(acting.engine) as session:
        pending = rows.pending(session, acting.mode)
        unknown = sorted(set(fingerprints) - {row.fingerprint for row in pending})
        if unknown:
            raise MilkbotError(f"{', '.join(unknown)} waits for no acceptance; run: milkbot terms list")
        chosen = [row for row in pending if row.fingerprint in fingerprints]
        rows.accept(session, chosen, by=who, at=at, note=said)
        names = ", ".join(f"{row.series_ticker} {row.kind} ({row.fingerprint})" for row in chosen)
        keep(session, acting.mode, f"{who} accepted {names}: {said}", at)
    acting.say(f"accepted: {names}")
