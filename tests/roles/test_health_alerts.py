"""When a row of the health check is told: found once, told once, again after a while, and once when it is well."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from milkbot_hostcheck.alerting import memory, message
from milkbot_hostcheck.alerting.alerts import PATIENT, Kind, News, Policy, Records, step
from milkbot_hostcheck.row import Row, State, fail, ok, unknown, warn

HOUR = 3600.0
FAILS = Policy(frozenset({State.FAIL}), 4 * HOUR)
BOTH = Policy(frozenset({State.FAIL, State.WARN}), 4 * HOUR)
GOOD, BAD, POOR = ok("x", "well"), fail("x", "gone", "remedy it"), warn("x", "poor", "look")
LOST = unknown("x", "no answer", "look")


class Run:
    """Checks one after another, five minutes apart unless said otherwise."""

    def __init__(self, policy: Policy = FAILS) -> None:
        self.policy, self.now, self.records = policy, 1_000_000.0, Records()

    def check(self, *rows: Row, after: float = 300, check: str = "c", policy: Policy | None = None) -> list[News]:
        self.now += after
        self.records, news = step(self.records, {check: list(rows)}, self.now, policy or self.policy)
        # What is remembered goes through a file.
        self.records = json.loads(json.dumps(self.records))
        return news

    def kinds(self, *rows: Row, **more: Any) -> list[tuple[str, str]]:
        return [(news.kind.value, news.name) for news in self.check(*rows, **more)]


def test_a_failure_is_alerted_once_and_its_recovery_once() -> None:
    run = Run()
    said = [run.kinds(row) for row in (GOOD, BAD, BAD, BAD, GOOD, GOOD)]
    assert said == [[], [("new", "x")], [], [], [("well", "x")], []]


def test_a_lasting_failure_is_alerted_again_at_intervals() -> None:
    run = Run()
    said = [run.kinds(BAD, after=HOUR) for _ in range(10)]
    assert [number for number, told in enumerate(said) if told] == [0, 4, 8]
    assert said[4] == [("again", "x")]
    assert [news.since for news in run.check(GOOD)] == [1_000_000.0 + HOUR]


def test_a_transient_failure_is_alerted_only_when_it_lasts() -> None:
    name = min(PATIENT)
    run = Run()
    assert [run.kinds(row) for row in (fail(name, "v", "m"), ok(name, "v"), fail(name, "v", "m"))] == [[], [], []]
    assert run.kinds(fail(name, "v", "m")) == [("new", name)]
    assert run.kinds(ok(name, "v")) == [("well", name)]


def test_a_warning_is_not_alerted_where_only_failures_are_wanted() -> None:
    run = Run()
    assert [run.kinds(row) for row in (POOR, BAD, POOR)] == [[], [("new", "x")], [("well", "x")]]


def test_a_warning_that_becomes_a_failure_is_alerted() -> None:
    run = Run(BOTH)
    said = [run.check(row) for row in (POOR, POOR, BAD, POOR, GOOD)]
    assert [[(news.kind, news.state) for news in told] for told in said] == [
        [(Kind.NEW, State.WARN)],
        [],
        [(Kind.NEW, State.FAIL)],
        [(Kind.NEW, State.WARN)],
        [(Kind.WELL, State.OK)],
    ]


def test_an_unknown_state_is_no_recovery() -> None:
    run = Run()
    assert run.kinds(BAD) == [("new", "x")]
    assert run.kinds(LOST) == []
    assert run.kinds(unknown("check of c", "no end", "look")) == []
    assert run.kinds(BAD) == []
    assert run.kinds(GOOD) == [("well", "x")]


def test_a_failing_row_that_disappears_is_closed() -> None:
    run = Run()
    run.check(BAD)
    news = run.check(ok("y", "well"))
    assert [(entry.kind, entry.name, entry.value) for entry in news] == [(Kind.WELL, "x", "is not looked at any more")]
    assert run.records == {}


def test_a_failure_that_a_running_deploy_causes_is_not_alerted() -> None:
    deploying = Policy(FAILS.on, FAILS.repeat_seconds, deploying=True)
    run = Run()
    assert run.kinds(BAD, check="units", policy=deploying) == []
    assert run.kinds(GOOD, check="units", policy=deploying) == []
    assert run.kinds(BAD, check="units", policy=deploying) == []
    assert run.kinds(BAD, check="units") == [("new", "x")]


def test_a_running_deploy_hides_no_unrelated_failure() -> None:
    deploying = Policy(FAILS.on, FAILS.repeat_seconds, deploying=True)
    assert Run(deploying).kinds(BAD, check="disks") == [("new", "x")]
    assert Run(deploying).kinds(fail("deploy lock", "held", "ask"), check="releases") == [("new", "deploy lock")]


def test_a_clock_that_went_back_does_not_delay_the_repeated_alert() -> None:
    run = Run()
    run.check(BAD)
    assert run.kinds(BAD, after=-100 * HOUR) == []
    assert run.kinds(BAD, after=4 * HOUR) == [("again", "x")]


def test_every_failure_is_alerted_once_and_recovers_once_in_any_order_of_events() -> None:
    """Told and well again take turns for each row, whatever happens, and at the end of a calm time nothing is open."""
    chance = random.Random(4)
    for _ in range(300):
        run = Run(chance.choice([FAILS, BOTH]))
        open_: set[str] = set()
        for _ in range(30):
            rows = [
                chance.choice([ok(name, "v"), fail(name, "v", "m"), warn(name, "v", "m"), unknown(name, "w", "m")])
                for name in ("a", "memory", "b")
                if chance.random() > 0.1
            ]
            for news in run.check(*rows, after=chance.choice([300, HOUR, 5 * HOUR, -60])):
                if news.kind is Kind.WELL:
                    assert news.name in open_
                    open_.remove(news.name)
                elif news.kind is Kind.AGAIN:
                    assert news.name in open_
                else:
                    assert news.name not in open_ or run.policy is BOTH
                    open_.add(news.name)
        run.check(*(ok(name, "v") for name in ("a", "memory", "b")))
        assert run.records == {}


def _compose(news: Sequence[News], left: int) -> dict[str, str]:
    return message.compose(news, left, host="here", release="r1", now=10_000.0)


def _news(name: str, kind: Kind = Kind.NEW, state: State = State.FAIL) -> News:
    return News(kind, name, state, "value", "remedy", 9_000.0)


def test_several_rows_make_one_message() -> None:
    told = _compose([_news("b"), _news("a"), _news("c", Kind.WELL, State.OK)], left=2)
    assert told["title"] == "milkbot: 2 checks FAIL on here"
    assert told["type"] == "failure"
    assert told["body"].splitlines() == [
        "FAIL: a: value -> remedy",
        "FAIL: b: value -> remedy",
        "WELL AGAIN after 17 min: c: value",
        "release: r1",
        "at: 1970-01-01T02:46:40Z",
    ]


@pytest.mark.parametrize(
    ("news", "left", "title", "kind"),
    [
        ([_news("a")], 1, "a check FAILS", "failure"),
        ([_news("a")], 3, "a check FAILS, 3 in all", "failure"),
        ([_news("a", state=State.WARN)], 1, "a warning", "warning"),
        ([_news("a", Kind.WELL, State.OK)], 0, "all is well again", "success"),
        ([_news("a", Kind.WELL, State.OK)], 2, "1 well again, 2 still not", "success"),
        ([_news("a", Kind.AGAIN)], 1, "1 still not well", "failure"),
    ],
)
def test_the_title_of_a_message_states_its_worst_row(news: list[News], left: int, title: str, kind: str) -> None:
    told = _compose(news, left)
    assert (told["title"], told["type"]) == (f"milkbot: {title} on here", kind)


def test_a_message_is_cut_to_the_length_that_chats_accept() -> None:
    told = _compose([News(Kind.NEW, f"row {n}", State.FAIL, "v", "m", 0) for n in range(99)], left=99)
    assert len(told["body"].splitlines()) == 23
    assert "and 79 more" in told["body"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "disk/state.json", tmp_path / "memory/state.json"


def test_the_state_of_alerts_is_stored_privately_and_read_back(files: tuple[Path, Path]) -> None:
    kept = memory.Memory(5.0, {"cursor": "é"}, {"x": {"told": "fail"}}, [{"at": 1.0}], {"channels": ""})
    memory.save(kept, files)
    assert memory.load(files) == kept
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert files[0].parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1}', '{"at":"x","seen":{},"rows":{},"spool":[],"told":{}}'])
def test_a_broken_state_file_is_set_aside(
    files: tuple[Path, Path], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files[0].parent.mkdir()
    files[0].write_text(text, "utf-8")
    assert memory.load(files) == memory.Memory()
    assert "put aside as state.json.broken" in capsys.readouterr().err
    assert files[0].with_name("state.json.broken").read_text("utf-8") == text


def test_the_state_of_alerts_is_kept_elsewhere_when_the_disk_is_full(files: tuple[Path, Path]) -> None:
    memory.save(memory.Memory(at=1.0), files)
    aside = files[0].with_name(".state.json.new")
    aside.mkdir()  # root writes through any permission, and through no directory
    memory.save(memory.Memory(at=2.0), files)
    assert memory.load(files).at == 2.0
    aside.rmdir()
    memory.save(memory.Memory(at=3.0), files)
    assert memory.load(files).at == 3.0
    assert not files[1].exists()


_SAVES = """
import sys
from pathlib import Path
from milkbot_hostcheck.alerting import memory
files = Path(sys.argv[1]), Path(sys.argv[2])
for number in range(10**9):
    memory.save(memory.Memory(at=float(number), seen={"filler": "x" * 20000, "number": number}), files)
"""


def test_a_kill_never_leaves_half_a_state_file(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(7)
    package = str(Path(memory.__file__).parents[2])
    for _ in range(8):
        command = [sys.executable, "-c", _SAVES, *map(str, files)]
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": package}) as running:
            while not files[0].exists():
                assert running.poll() is None
                time.sleep(0.01)
            time.sleep(0.05 + chance.random() / 10)
            running.send_signal(signal.SIGKILL)
        found = memory.load(files)
        assert found.at == found.seen["number"]
        assert capsys.readouterr().err == ""
