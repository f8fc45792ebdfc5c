"""Whatever a forecaster does, there is an outcome: a distribution, or the reason for none."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from tests.forecaster_packages import BODY, Install
from tests.patience import PATIENCE
from tests.unit.forecast.moments import event, quote

from milkbot.forecast import host as hosts
from milkbot.forecast.answers import NonsenseError, distribution
from milkbot.forecast.forecaster import UnknownForecasterError
from milkbot.forecast.host import Failure, Host, Outcome
from milkbot.forecast.market import Market

TWO = event(quote("0.20", "0.30"), quote("0.70", "0.80"))
SHORT = 0.2
"""Seconds, for a forecaster that never answers: it is ended after them, however busy the machine."""


def own(does: str, before: str = "") -> str:
    """A package whose forecaster does that with its `inputs`."""
    return before + BODY.format(name="mine", parameters={}).replace("return [1.0] * len(inputs.brackets)", does)


class Begin(Protocol):
    """Begins the host of a package of that text."""

    def __call__(self, body: str, seconds: float = math.inf) -> Host: ...


@pytest.fixture
def begin(install: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """An event may take as long as the machine needs. Their processes are ended after the test."""
    monkeypatch.setattr(hosts, "EVENT_SECONDS", PATIENCE)
    monkeypatch.setattr(hosts, "START_SECONDS", PATIENCE)
    begun: list[Host] = []

    def made(body: str, seconds: float = math.inf) -> Host:
        install("mine", body)
        begun.append(Host("mine", seconds))
        return begun[-1]

    yield made
    for one in begun:
        one.close()


def failure(outcome: Outcome) -> tuple[Failure | None, str]:
    """Why there is no distribution."""
    assert outcome.probabilities is None
    return outcome.failure, outcome.detail


def test_a_forecaster_of_this_package_and_one_of_another_are_asked_alike(begin: Begin) -> None:
    says_the_mids = own("return [float(one.quote.mid) for one in inputs.brackets]")
    with Host("market") as market:
        ours, theirs = market.forecast(TWO), begin(says_the_mids).forecast(TWO)
    assert ours.probabilities == theirs.probabilities == pytest.approx((0.25, 0.75))
    assert (ours.failure, theirs.failure) == (None, None)


def test_what_it_says_of_itself_is_known(begin: Begin) -> None:
    said = begin(own("return []")).identity()
    assert said is not None
    assert (said.name, said.version, said.needs_weather, len(said.parameters_hash)) == ("mine", "3", False, 12)


def test_its_answer_is_made_to_sum_to_one(begin: Begin) -> None:
    assert begin(own("return [3, 1.0]")).forecast(TWO).probabilities == (0.75, 0.25)


def test_a_bracket_that_was_not_read_raises_the_probability_of_no_other(begin: Begin) -> None:
    whole = event(quote("0.20", "0.30"), quote("0.40", "0.50"), quote("0.20", "0.30"))
    partly = replace(whole, brackets=whole.brackets[:2])
    answers = "return {'-0': 0.25, '-1': 0.5, '-2': 0.25}[bracket.ticker[-2:]]"
    host = begin(
        own(
            "return [probability(bracket) for bracket in inputs.brackets]",
            before=f"""
def probability(bracket):
    {answers}
""",
        )
    )
    assert host.forecast(whole).probabilities == (0.25, 0.5, 0.25)
    assert host.forecast(partly).probabilities == (0.25, 0.5)


def test_an_array_that_makes_a_list_of_itself_is_an_answer(begin: Begin) -> None:
    array = "class Array:\n    def tolist(self):\n        return [0.5, 0.5]\n"
    assert begin(own("return Array()", array)).forecast(TWO).probabilities == (0.5, 0.5)


def test_one_that_has_no_forecast_says_why(begin: Begin) -> None:
    importing = "from milkbot.forecast.forecaster import NoForecast\n"
    outcome = begin(own("return NoForecast('too early')", importing)).forecast(TWO)
    assert failure(outcome) == (Failure.NO_FORECAST, "too early")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([0.5], "1 probabilities for 2 brackets"),
        ([0.5, math.nan], "holds nan"),
        ([0.5, math.inf], "holds inf"),
        ([0.5, 10**400], "holds 1000"),
        ([1.5, -0.5], "holds -0.5"),
        ([0.0, 0.0], "sum to 0"),
        ([1e308, 1e308], "sum to inf"),
        (["0.5", 0.5], "holds 0.5"),
        ([None, 1.0], "holds None"),
        ({"a": 0.5, "b": 0.5}, "of type dict"),
        ("01", "of type str"),
        (None, "of type NoneType"),
    ],
)
def test_what_is_no_distribution_over_the_brackets_is_nonsense(answer: object, said: str) -> None:
    with pytest.raises(NonsenseError, match=said):
        distribution(answer, 2)


def test_nonsense_of_another_package_is_named_as_such(begin: Begin) -> None:
    assert failure(begin(own("return [0.5]")).forecast(TWO)) == (
        Failure.NONSENSE,
        "the answer has 1 probabilities for 2 brackets",
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (own("raise KeyError('KNYC')"), "KeyError: 'KNYC'"),
        (own("import os; os._exit(3)"), "its process ended with 3"),
        (own("raise SystemExit"), "its process ended with 0"),
        (own("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"), "its process ended with -11"),
        (own("return [bytearray(1 << 31)]"), "MemoryError: "),
        ("raise RuntimeError('no model file')", "no model file"),
        ("raise SystemExit(4)", "its process ended with 4"),
        (own("raise ValueError('a\\0b\\ud800')"), "ValueError: a?b?"),
    ],
    ids=["raises", "exits", "leaves", "crashes", "eats memory", "does not import", "exits on import", "odd text"],
)
def test_one_that_fails_says_how_and_is_asked_again_for_the_next_event(begin: Begin, body: str, said: str) -> None:
    host = begin(body)
    for _ in range(2):
        assert host.forecast(TWO).failure is Failure.FAILED
        assert said in host.forecast(TWO).detail


@pytest.mark.parametrize("does", ["import time; time.sleep(9999)", "while True: pass", "import os; os.kill(0, 19)"])
def test_one_that_sleeps_spins_or_stops_is_late(begin: Begin, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    monkeypatch.setattr(hosts, "EVENT_SECONDS", SHORT)
    assert failure(begin(own(does)).forecast(TWO)) == (Failure.LATE, "no answer within 0.2 s for the event")


def test_one_that_does_not_start_in_time_is_late(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "START_SECONDS", SHORT)
    assert failure(begin("import time; time.sleep(9999)").forecast(TWO)) == (
        Failure.LATE,
        "no answer within 0.2 s to start",
    )


def test_once_the_time_of_a_tick_is_over_every_event_is_late(begin: Begin) -> None:
    host = begin(own("import time; time.sleep(9999)"), SHORT)
    assert {host.forecast(TWO).failure for _ in range(3)} == {Failure.LATE}
    with Host("market", seconds=0.0) as over:
        assert failure(over.forecast(TWO)) == (Failure.LATE, "the 0 s for all events of a tick are over")


def test_the_next_tick_has_its_whole_time_again() -> None:
    with Host("market", seconds=2.0) as host:
        while host.forecast(TWO).failure is None:
            time.sleep(0.05)
        host.begin()
        assert host.forecast(TWO).failure is None


def test_one_that_was_late_for_an_event_may_be_in_time_for_the_next(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    body = own(
        f"import pathlib, time; seen = pathlib.Path({str(seen)!r}); seen.exists() or (seen.touch(), time.sleep(9999))"
    )
    host = begin(body + "        return [1.0, 1.0]\n")
    monkeypatch.setattr(hosts, "EVENT_SECONDS", SHORT)
    assert host.forecast(TWO).failure is Failure.LATE
    monkeypatch.setattr(hosts, "EVENT_SECONDS", PATIENCE)
    assert host.forecast(TWO).probabilities == (0.5, 0.5)


def test_its_process_and_what_that_started_end_with_the_host(begin: Begin, tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    body = own(
        "import os, pathlib, subprocess; other = subprocess.Popen(['sleep', '9999']); "
        f"pathlib.Path({str(noted)!r}).write_text(f'{{os.getpid()}} {{other.pid}}'); return [1.0, 1.0]"
    )
    host = begin(body)
    assert host.forecast(TWO).failure is None
    host.close()
    for pid in noted.read_text("ascii").split():
        while is_running(pid):
            time.sleep(0.01)


def is_running(pid: str) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path("/proc", pid, "stat").read_text("ascii").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_it_prints_and_reads_does_not_reach_the_host(begin: Begin) -> None:
    does = "import sys; print('hello', flush=True); sys.stdin.read(); return [1.0, 1.0]"
    assert begin(own(does)).forecast(TWO).probabilities == (0.5, 0.5)


def test_no_secret_of_the_environment_reaches_it(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALSHI_API_KEY_ID", "secret")
    does = "import os; raise ValueError(sorted(set(os.environ) & {'KALSHI_API_KEY_ID', 'PATH'}))"
    assert failure(begin(own(does)).forecast(TWO)) == (Failure.FAILED, "ValueError: ['PATH']")


def test_an_error_of_a_forecaster_of_this_package_is_an_outcome_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Market, "forecast", lambda *_: 1 / 0)
    with Host("market") as host:
        assert host.forecast(TWO).failure is Failure.FAILED


def test_a_name_that_is_not_installed_has_no_host() -> None:
    with pytest.raises(UnknownForecasterError, match="installed are anchored, market, normal"):
        Host("nobody")
