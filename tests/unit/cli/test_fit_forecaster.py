"""`milkbot forecaster fit`: tables of what was fitted and what it was worth, and a file that the forecaster reads."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.cli import Milkbot
from tests.unit.score.samples import DAY, LADDER, event, market_ticker, tape

from milkbot.errors import ExitCode
from milkbot.forecast.anchored import Anchored, read

CENTS = (4, 10, 20, 40, 20, 6)


@pytest.fixture
def milkbot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Milkbot:
    """Runs commands in this process."""
    return Milkbot(monkeypatch, capsys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten days on which each bracket was traded in the evening before, and the likeliest one won."""
    events = [event(day=DAY + timedelta(days=number)) for number in range(10)]
    trades = [
        (market_ticker(one.ticker, strike), f"{one.day - timedelta(days=1)}T22:00:00Z", str(cents), side)
        for one in events
        for strike, cents in zip(LADDER, CENTS, strict=True)
        for side in ("yes", "no")
    ]
    tape(tmp_path / "data", trades, *events)
    return tmp_path / "data"


def test_the_fit_is_shown_next_to_its_rivals_and_written_to_a_file_that_is_read(
    milkbot: Milkbot, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "fitted.json"
    done = milkbot("forecaster", "fit", str(data), "--at", "prev18,day10", "--out", str(out))
    assert done.code == ExitCode.OK, done.err
    for shown in ("exponent", "Brier score", "Log score", "anchored", "normal", "persistence", "mid", "gained"):
        assert shown in done.out
    found = read(out.read_text("utf-8"))
    assert (found["data"]["events"], found["data"]["days"]) == (10, 10)
    assert [row["at"] for row in found["walk_forward"]] == ["prev18", "day10"]
    assert not Anchored(found).needs_weather
    assert max(row["exponent"] for row in found["stretches"]) > 1.0


def test_without_a_file_nothing_is_written(milkbot: Milkbot, data: Path) -> None:
    before = sorted(data.rglob("*"))
    assert milkbot("forecaster", "fit", str(data), "--at", "day10").code == ExitCode.OK
    assert sorted(data.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--at", "noon"], "--at noon: no decision time"),
        (["--set", "quotes"], "no recorded data"),
        (["--out", "/nowhere/fitted.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_option(
    milkbot: Milkbot, data: Path, options: list[str], said: str
) -> None:
    done = milkbot("forecaster", "fit", str(data), *options)
    assert done.code != ExitCode.OK
    assert said in done.err
