"""The whole suite: as each role that a service of this user's has, and as the owner what only the owner can."""

from __future__ import annotations

from dataclasses import replace

from milkbot.db import state
from milkbot.db.session import DatabaseAddress
from milkbot.domain.modes import TradingMode
from milkbot.smoke import analytics, trader
from milkbot.smoke.checks import BrokenError, Checks, Outcome, part
from milkbot.smoke.sample import Sample

SOCKET_DIRECTORY = "/run/postgresql"
TRADER_ROLE = "milkbot_trader"
ROLLUPS_ROLE = "milkbot_rollups"


def run(owner: DatabaseAddress, mode: TradingMode) -> list[Outcome]:
    """Try this release's statements; nothing is committed, and nobody who works meanwhile is kept waiting.

    `mode` is the one that this host trades in: its ledger is left alone. Raises DatabaseUnavailableError.
    """
    sample = Sample.in_other_mode(mode)
    outcomes: list[Outcome] = []
    with part(_as(owner, TRADER_ROLE), outcomes) as check:
        trader.run(check, sample)
    with part(_as(owner, ROLLUPS_ROLE), outcomes) as check:
        analytics.run_rollups(check, sample)
    # One transaction sees the trader's facts, the rollups' rows of them, and what the API shows of those.
    with part(owner, outcomes) as check:
        check.need(facts, check, sample)
        analytics.run_rollups(check, sample)
        analytics.run_api(check, sample)
        check(
            state.arm_live,
            check.session,
            armed_by="smoke",
            armed_at=sample.now,
            expires_at=sample.now,
            statement="smoke",
        )
    return outcomes


def _as(owner: DatabaseAddress, role: str) -> DatabaseAddress:
    """The services' roles come by the socket only, without a password."""
    host = owner.host if owner.host.startswith("/") else SOCKET_DIRECTORY
    return replace(owner, host=host, user=role, password=None)


def facts(check: Checks, sample: Sample) -> int:
    """What the trader writes, once more, in this transaction; returns how many checks it took."""
    written = Checks(check.role, check.session, [])
    trader.run(written, sample)
    for outcome in written.outcomes:
        if outcome.problem:
            raise BrokenError(f"{outcome.check}: {outcome.problem}")
    return len(written.outcomes)
