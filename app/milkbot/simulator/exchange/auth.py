"""Who calls: signatures are verified for real, against the simulator's own clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from milkbot.simulator.engine.records import Account
from milkbot.simulator.engine.rejects import RejectError
from milkbot.simulator.engine.state import State
from milkbot.venue.signing import KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, load_public_key, verify

TIMESTAMP_WINDOW = timedelta(seconds=30)
"""How far a signature's time may be from ours. The exchange does not publish its own."""

_public_key = lru_cache(maxsize=64)(load_public_key)


def caller(state: State, headers: Mapping[str, str], method: str, path: str, now: datetime) -> Account | None:
    """The account that signed a request, None for one without a key. Raises RejectError (401) for a bad signature.

    `now` is the moment by which the signature's time is judged.
    """
    key_id = headers.get(KEY_HEADER)
    timestamp, signature = headers.get(TIMESTAMP_HEADER), headers.get(SIGNATURE_HEADER)
    if key_id is None and timestamp is None and signature is None:
        return None
    if not key_id or not timestamp or not signature:
        raise unauthorized("MISSING_HEADER")
    account = state.accounts.get(key_id)
    if account is None:
        raise unauthorized("NOT_FOUND")
    if not _is_recent(timestamp, now):
        raise unauthorized("HEADER_TIMESTAMP_EXPIRED")
    if not verify(_public_key(account.public_key_pem), signature, timestamp, method, path):
        raise unauthorized("INCORRECT_API_KEY_SIGNATURE")
    return account


def unauthorized(details: str) -> RejectError:
    """401."""
    return RejectError(401, "authentication_error", "authentication_error", details)


def _is_recent(timestamp_ms: str, now: datetime) -> bool:
    try:
        moment = datetime.fromtimestamp(int(timestamp_ms) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return abs(moment - now) <= TIMESTAMP_WINDOW
