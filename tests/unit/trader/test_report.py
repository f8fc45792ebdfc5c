"""What a tick says about itself."""

from __future__ import annotations

from datetime import UTC, datetime

from milkbot.trader.report import Outcome, TickReport

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)


def test_an_unfinished_tick_counts_as_failed() -> None:
    assert TickReport(1, NOW).outcome is Outcome.FAILED
    assert TickReport(1, NOW).line() == "tick 1 failed: nothing to do"
