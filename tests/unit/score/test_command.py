"""`milkbot score` as a user runs it: tables, JSON, the page, and errors that say what to do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.cli import Milkbot
from tests.unit.score.samples import DAY, event, tape

FORBIDDEN = ("duckdb", "scoringrules", "scipy")


@pytest.fixture
def milkbot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Milkbot:
    """Runs commands in this process."""
    return Milkbot(monkeypatch, capsys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Seven events of New York, two brackets of each priced in the hour before 10:00."""
    events = [event(high=50 + number, day=DAY + timedelta(days=number)) for number in range(7)]
    trades = [
        (one.brackets[number].ticker, f"{one.day}T14:{minute}:00Z", cents, side)
        for one in events
        for number, cents in ((2, "45"), (3, "30"))
        for minute, side in (("10", "yes"), ("20", "no"))
    ]
    tape(tmp_path / "data", trades, *events)
    return tmp_path / "data"


@pytest.mark.parametrize("name", ["market", "normal", "uniform", "listing-2.5", "shared"])
def test_a_measurement_exits_with_zero_and_fits_into_80_columns(milkbot: Milkbot, data: Path, name: str) -> None:
    done = milkbot("score", str(data), "--forecast", name, "--at", "prev18,day10", COLUMNS="80")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert "7 events of 7 days, 2024-11-20 to 2024-11-26" in done.out
    for title in ("Scores", "Difference:", "By city:", "Reliability at day10", "Edge at day10"):
        assert title in done.out


def test_the_market_is_the_same_as_itself(milkbot: Milkbot, data: Path) -> None:
    done = milkbot("score", str(data), "--forecast", "market", "--at", "day10", "--json")
    (moment,) = json.loads(done.out)["sets"][0]["moments"]
    assert moment["difference"]["events"] == 7
    for name in ("bin", "event", "log", "rps"):
        assert moment["difference"][name] == {"mean": 0.0, "interval": [0.0, 0.0], "second_interval": [0.0, 0.0]}


def test_json_has_each_event_and_what_was_forecast_by_what(milkbot: Milkbot, data: Path) -> None:
    done = milkbot("score", str(data), "--forecast", "normal", "--at", "day10", "--json")
    found = json.loads(done.out)
    assert found["forecaster"]["name"] == "normal"
    assert re.fullmatch("[0-9a-f]{12}", found["forecaster"]["parameters_hash"])
    (moment,) = found["sets"][0]["moments"]
    assert [one["day"] for one in moment["by_event"]] == [f"2024-11-{day}" for day in range(20, 27)]
    first = moment["by_event"][0]
    assert first["winner"] == "KXHIGHNY-24NOV20-B50.5"
    assert first["as_of"] == "2024-11-20T15:00:00+00:00"
    assert set(first["scores"]) == set(first["against"]) == {"bin", "event", "log", "rps"}


def test_another_forecaster_can_be_compared_with(milkbot: Milkbot, data: Path) -> None:
    done = milkbot("score", str(data), "--forecast", "listing", "--against", "uniform", "--at", "day10")
    assert "Difference: listing less uniform" in done.out


def test_an_event_without_an_answer_is_counted_with_its_reason(milkbot: Milkbot, data: Path) -> None:
    done = milkbot("score", str(data), "--forecast", "persistence", "--at", "day10")
    assert re.search(r"day10 +1  no forecast of persistence", done.out)


class _Loads(HTMLParser):
    """Collects whatever a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.plots = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.plots += tag == "svg"
        if tag in ("script", "link", "img", "iframe", "object", "embed", "video", "audio", "base"):
            self.found.append(tag)
        self.found += [name for name, _ in attrs if name in ("src", "href", "xlink:href", "srcset") or name[:2] == "on"]


def test_the_page_is_one_file_that_loads_nothing(milkbot: Milkbot, data: Path, tmp_path: Path) -> None:
    page = tmp_path / "score.html"
    done = milkbot("score", str(data), "--forecast", "normal", "--html", str(page))
    assert (done.code, str(page) in done.out) == (0, True)
    text = page.read_text("utf-8")
    seen = _Loads()
    seen.feed(text)
    assert seen.found == []
    assert not re.search(r"https?:|url\(|@import", text)
    assert seen.plots == 2 + 2 + 1, "two scores by decision time, reliability at both, edges at the one with prices"
    assert "light-dark(" in text
    assert 'content="width=device-width, initial-scale=1"' in text


def test_names_in_the_page_are_escaped(milkbot: Milkbot, data: Path, tmp_path: Path) -> None:
    odd = data.rename(tmp_path / "<script>alert(1)<")
    milkbot("score", str(odd), "--forecast", "uniform", "--html", str(tmp_path / "score.html"))
    assert "<script" not in (tmp_path / "score.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--forecast", "gut-feeling"], "there is no forecaster 'gut-feeling'"),
        (["--forecast", "market", "--against", "tea-leaves"], "--against: there is no forecaster 'tea-leaves'"),
        (["--forecast", "market", "--at", "noon"], "--at noon: no decision time; expected prevHH or dayHH"),
        (["--forecast", "market", "--set", "candles"], "--set candles: no such kind of data; expected tape, quotes"),
        (["--forecast", "market", "--set", "quotes"], "holds no recorded data to score"),
        (["--forecast", "market", "--html", "/nonexistent/score.html"], "--html /nonexistent/score.html cannot be"),
    ],
)
def test_bad_input_is_one_sentence_that_says_what_is_expected(
    milkbot: Milkbot, data: Path, arguments: list[str], said: str
) -> None:
    done = milkbot("score", str(data), *arguments)
    assert done.code != 0
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("module", ["milkbot.cli.tick", "milkbot.cli.score", "milkbot.score.load"])
def test_what_only_scores_need_is_imported_only_when_something_is_scored(module: str) -> None:
    script = f"import sys, {module}; print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_tick_imports_nothing_of_the_yardstick() -> None:
    script = "import sys, milkbot.cli.tick; print([name for name in sys.modules if name.startswith('milkbot.score')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
