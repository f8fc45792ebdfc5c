"""Where a ticker belongs, and what a tick says about itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from milkbot.trader.places import place_of
from milkbot.trader.report import Outcome, TickReport, write_metrics

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)


def test_place_of_a_bracket_is_read_from_its_ticker() -> None:
    place = place_of("KXHIGHCHI-26AUG04-B95.5")
    assert place is not None
    assert (place.event_ticker, place.city.code, place.climate_day) == ("KXHIGHCHI-26AUG04", "CHI", date(2026, 8, 4))


@pytest.mark.parametrize(
    "ticker", ["KXFED-26SEP-T4.00", "KXHIGHNY", "KXHIGHNY-SOMEDAY-B1.5", "KXHIGHNY-26AUG32-B1", ""]
)
def test_market_that_is_not_ours_has_no_place(ticker: str) -> None:
    assert place_of(ticker) is None


def test_tick_that_did_not_finish_its_work_has_failed() -> None:
    assert TickReport(1, NOW).outcome is Outcome.FAILED
    assert TickReport(1, NOW).line() == "tick 1 failed: nothing to do"


def test_metrics_of_a_failed_tick_say_so(tmp_path: Path) -> None:
    report = TickReport(1, NOW, finished_at=NOW + timedelta(seconds=3))
    report.counts["orders filled"] = 2
    write_metrics(tmp_path / "milkbot.prom", report)
    lines = (tmp_path / "milkbot.prom").read_text("utf-8").splitlines()
    assert "milkbot_tick_ok 0.0" in lines
    assert "milkbot_tick_duration_seconds 3.0" in lines
    assert 'milkbot_tick_count{what="orders filled"} 2.0' in lines
