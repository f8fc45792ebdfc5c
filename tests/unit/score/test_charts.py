"""Chart exports: the price of the last minute before, brackets by their labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.score.samples import charts, utc

from milkbot.domain.markets import Strike, StrikeType
from milkbot.score.events import DataError
from milkbot.score.yardsticks import mids

HEAD = "timestamp,77° or below,78° to 79°,80° or above"
LAST = "2024-11-21T04:59:00Z,1.00,99.00,1.00"


def test_labels_are_strikes_and_the_bracket_at_99_has_won(tmp_path: Path) -> None:
    (event,) = charts(tmp_path, [HEAD, LAST]).events
    assert [one.strike for one in event.brackets] == [
        Strike(StrikeType.LESS, cap=78),
        Strike(StrikeType.BETWEEN, 78, 79),
        Strike(StrikeType.GREATER, 79),
    ]
    assert event.winner == 1
    assert [one.ticker for one in event.brackets] == [f"KXHIGHMIA-24NOV20-{end}" for end in ("T78", "B78.5", "T79")]


def test_a_missing_minute_or_cell_is_what_it_was_before(tmp_path: Path) -> None:
    rows = [HEAD, "2024-11-20T14:58:00Z,,30.87,4.00", "2024-11-20T14:59:00Z,,31.00,", LAST]
    recording = charts(tmp_path, rows)
    assert mids(recording.inputs(recording.events[0], utc("2024-11-20T15:30"))) == [None, 0.31, 0.04]
    assert mids(recording.inputs(recording.events[0], utc("2024-11-20T14:59"))) == [None, 0.3087, 0.04]


def test_a_chart_says_nothing_of_what_a_taker_could_have_had(tmp_path: Path) -> None:
    recording = charts(tmp_path, [HEAD, "2024-11-20T14:58:00Z,1,30.87,4.00", LAST])
    assert set(recording.taker_prices(recording.events[0], utc("2024-11-20T15:30"))) == {(None, None)}


def test_a_chart_that_ends_undecided_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 of its markets resolved to yes"):
        charts(tmp_path, [HEAD, "2024-11-20T14:58:00Z,20,60,20"])


def test_a_column_that_is_no_bracket_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no bracket is meant by the column 'rain'"):
        charts(tmp_path, [f"{HEAD},rain", f"{LAST},1"])
