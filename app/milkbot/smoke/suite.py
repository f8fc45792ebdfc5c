"""The whole suite: as each service's role that writes, and as the owner what only the owner can."""

from __future__ import annotations

from milkbot.db import state
from milkbot.db.scratch import SET_BY_OWNER
from milkbot.db.session import DatabaseAddress
from milkbot.domain.modes import TradingMode
from milkbot.smoke import analytics, trader
from milkbot.smoke.checks import BrokenError, Checks, Outcome, part
from milkbot.smoke.sample import Sample

TRADER_ROLE, ROLLUPS_ROLE = SET_BY_OWNER


def run(owner: DatabaseAddress, mode: TradingMode) -> list[Outcome]:
    """Try this release's statements; nothing is committed, and nobody who works meanwhile is kept waiting.

    No user of the system may come in as two roles: the owner comes in, and sets the role of each service.
    `mode` is the one that this host trades in: its ledger is left alone. Raises DatabaseUnavailableError.
    """
    sample = Sample.in_other_mode(mode)
    outcomes: list[Outcome] = []
    with part(owner, outcomes, TRADER_ROLE) as check:
        trader.run(check, sample)
    with part(owner, outcomes, ROLLUPS_ROLE) as check:
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


def facts(check: Checks, sample: Sample) -> int:
    """What the trader writes, once more, in this transaction; returns how many checks it took."""
    written = Checks(check.role, check.session, [])
    trader.run(written, sample)
    for outcome in written.outcomes:
        if outcome.problem:
            raise BrokenError(f"{outcome.check}: {outcome.problem}")
    return len(written.outcomes)
