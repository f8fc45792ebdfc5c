"""On the recorded data the yardstick comes out as BASELINE.md has it, to the last printed digit."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, median

import pytest
from tests.contract.baseline import Table, intervals, read_tables
from tests.contract.measured import evaluated, recorded

from milkbot.domain.units import ONE, ZERO
from milkbot.forecast import forecaster
from milkbot.score import yardsticks
from milkbot.score.bootstrap import Interval
from milkbot.score.evaluate import Evaluation, difference, evaluate
from milkbot.score.moments import parse
from milkbot.score.reliability import reliability
from milkbot.score.rules import SCORES

TIMES = ("prev18", "day10")


def printed(evaluation: Evaluation, *, has_fills: bool = True) -> list[str]:
    """A row as BASELINE.md prints it."""
    means = [f"{evaluation.mean(name):.4f}" for name in SCORES]
    return [str(len(evaluation.answers)), str(evaluation.filled if has_fills else 0), *means]


@pytest.fixture(scope="session")
def tables(shared_data: Path) -> dict[str, list[Table]]:
    """All tables of the document."""
    return read_tables(shared_data)


def heading(tables: dict[str, list[Table]], start: str) -> list[Table]:
    """The tables under the heading that begins so."""
    return next(found for name, found in tables.items() if name.startswith(start))


@pytest.mark.parametrize("at", TIMES)
@pytest.mark.parametrize(("row", "name"), [("market mid", "mid"), ("market last", "last"), ("identity", "mid")])
def test_what_a_program_must_reproduce_is_reproduced(
    shared_data: Path, tables: dict[str, list[Table]], row: str, name: str, at: str
) -> None:
    (wanted,) = heading(tables, "What a program must reproduce")
    assert printed(evaluated(shared_data, "tape", name, at)) == wanted[f"{row}, {at}"]


@pytest.mark.parametrize("at", TIMES)
def test_the_market_as_its_own_forecaster_differs_by_exactly_zero(shared_data: Path, at: str) -> None:
    market = evaluated(shared_data, "tape", "mid", at)
    identity = difference(evaluate(recorded(shared_data, "tape"), yardsticks.MID, parse(at)), market)
    for name in SCORES:
        assert set(identity.of_events(name)) == {0.0}
        assert identity.mean(name) == 0.0
        assert identity.interval(name) == Interval(0.0, 0.0)
    assert len(identity.ours.answers) == 819


@pytest.mark.parametrize(
    ("row", "name"),
    [("Normal(listing centre, 2.5)", "listing-2.5"), ("Normal(listing centre, 3.0)", "listing-3.0"),
     ("Normal(listing centre, 4.0)", "listing-4.0"), ("uniform 1/6", "uniform")],
)  # fmt: skip
def test_the_simple_forecasters_score_as_printed(
    shared_data: Path, tables: dict[str, list[Table]], row: str, name: str
) -> None:
    wanted = heading(tables, "Set A (main)")[1][row]
    assert printed(evaluated(shared_data, "tape", name, "prev18"), has_fills=False) == wanted


def test_persistence_scores_as_printed(shared_data: Path, tables: dict[str, list[Table]]) -> None:
    wanted = heading(tables, "Set A (main)")[2]["persistence: Normal(previous day's high, 7.0)"]
    assert printed(evaluated(shared_data, "tape", "persistence-7", "day10"), has_fills=False) == wanted


@pytest.mark.parametrize("at", TIMES)
def test_sensitivity_to_what_was_not_traded_is_as_printed(
    shared_data: Path, tables: dict[str, list[Table]], at: str
) -> None:
    variants = heading(tables, "Set A (main)")[2]
    market = evaluated(shared_data, "tape", "mid", at)
    traded = market.where(frozenset(one.event.ticker for one in market.answers if not one.filled))
    assert printed(traded) == variants[f"mid {at}, only events with all six markets traded before {at}"]
    row = {"prev18": "mid prev18, unpriced markets share max(0, 1 - sum of priced) instead of 0.005 each"}
    shared = evaluated(shared_data, "tape", "shared", at)
    assert printed(shared) == variants[row.get(at, "mid day10, the same")]


@pytest.mark.parametrize("at", TIMES)
def test_the_installed_market_forecaster_is_the_mid_wherever_anything_is_priced(shared_data: Path, at: str) -> None:
    market = evaluated(shared_data, "tape", "mid", at)
    installed = evaluate(recorded(shared_data, "tape"), forecaster.load("market"), parse(at))
    priced = frozenset(one.event.ticker for one in market.answers if any(one.priced))
    assert frozenset(one.event.ticker for one in installed.answers) == priced
    assert all(set(difference(installed, market).of_events(name)) == {0.0} for name in SCORES)


@pytest.mark.parametrize(("column", "at"), list(enumerate(TIMES)))
def test_the_markets_calibration_is_as_printed(
    shared_data: Path, tables: dict[str, list[Table]], column: int, at: str
) -> None:
    found = reliability(evaluated(shared_data, "tape", "mid", at))
    printed_rows = [f"{one.mean:.4f} -> {one.frequency:.4f} ({one.markets:,})" for one in found]
    assert printed_rows == [cells[column] for cells in heading(tables, "Set A (main)")[4].values()]


@pytest.mark.parametrize(("at", "of_last", "of_mid"), [("prev18", "1.0630", "1.0573"), ("day10", "1.1100", "1.1122")])
def test_the_priced_markets_of_an_event_sum_to_more_than_a_dollar_as_printed(
    shared_data: Path, at: str, of_last: str, of_mid: str
) -> None:
    """The document has these in a sentence."""
    text = (shared_data / "BASELINE.md").read_text("utf-8")
    assert "last 1.0630 (prev18), 1.1100 (day10); mid 1.0573, 1.1122" in text
    for name, wanted in (("last", of_last), ("mid", of_mid)):
        answers = evaluated(shared_data, "tape", name, at).answers
        sums = [
            sum(p for p, is_priced in zip(one.probabilities, one.priced, strict=True) if is_priced) for one in answers
        ]
        assert f"{sum(sums) / len(sums):.4f}" == wanted


def test_the_spreads_of_the_recorded_quotes_are_as_printed(shared_data: Path) -> None:
    text = (shared_data / "BASELINE.md").read_text("utf-8")
    assert "median 1 c at both times, mean 1.6556 c (prev18), 1.7889 c (day10)" in text
    quotes = recorded(shared_data, "quotes")
    for at, wanted in (("prev18", "1.6556"), ("day10", "1.7889")):
        sides = [side for event in quotes.events for side in quotes.taker_prices(event, parse(at).of(event))]
        cents = [100 * float((ONE if ask is None else ask) - (bid or ZERO)) for bid, ask in sides]
        assert (round(median(cents), 9), f"{fmean(cents):.4f}", len(cents)) == (1, wanted, 90)


def test_each_citys_scores_are_as_printed(shared_data: Path, tables: dict[str, list[Table]]) -> None:
    columns = [("mid", "prev18"), ("mid", "day10"), ("listing-3.0", "prev18")]
    found = {}
    for city in ("NY", "CHI", "MIA", "AUS", "DEN"):
        of_city = [
            one.where(frozenset(a.event.ticker for a in one.answers if a.event.series.ticker == f"KXHIGH{city}"))
            for one in (evaluated(shared_data, "tape", *column) for column in columns)
        ]
        cells = [f"{one.mean('event'):.4f} / {one.mean('log'):.4f}" for one in of_city]
        found[city] = [str(len(of_city[0].answers)), *cells]
    assert found == heading(tables, "Set A (main)")[3]


def test_intervals_are_as_printed(shared_data: Path) -> None:
    text = (shared_data / "BASELINE.md").read_text("utf-8")
    wanted = intervals(next(line for line in text.splitlines() if line.startswith("Intervals (183 dates)"))[23:])
    assert len(wanted) == 6
    for who, (low, high) in wanted.items():
        name, score = who.rsplit(" ", 1)
        of, at = ("mid", name.split()[1]) if name.startswith("mid") else ("listing-3.0", "prev18")
        found = evaluated(shared_data, "tape", of, at).interval(score)
        assert found is not None
        assert (f"{found.low:.4f}", f"{found.high:.4f}") == (low, high), who


@pytest.mark.parametrize(
    ("row", "name", "at"),
    [("quote mid prev18 (all 15)", "mid", "prev18"), ("quote mid day10", "mid", "day10"),
     ("Normal(NDFD D-1 12Z, 2.5)", "ndfd-2.5", "prev18"), ("Normal(NDFD D-1 12Z, 3.0)", "ndfd-3", "prev18"),
     ("Normal(NDFD D 12Z, 2.0)", "ndfd-2", "day10"), ("Normal(NDFD D 12Z, 2.5)", "ndfd-2.5", "day10"),
     ("Normal(NDFD D 12Z, 3.0)", "ndfd-3", "day10"), ("Normal(listing centre, 2.5)", "listing-2.5", "day10"),
     ("Normal(listing centre, 3.0)", "listing-3", "day10")],
)  # fmt: skip
def test_recorded_quotes_score_as_printed(
    shared_data: Path, tables: dict[str, list[Table]], row: str, name: str, at: str
) -> None:
    (wanted,) = heading(tables, "Set B")
    assert printed(evaluated(shared_data, "quotes", name, at)) == wanted[row]


def test_the_market_is_compared_on_the_events_that_the_forecaster_answered(
    shared_data: Path, tables: dict[str, list[Table]]
) -> None:
    ndfd, market = (evaluated(shared_data, "quotes", name, "prev18") for name in ("ndfd-2.5", "mid"))
    (wanted,) = heading(tables, "Set B")
    assert printed(difference(ndfd, market).theirs) == wanted["quote mid prev18"]


@pytest.mark.parametrize(
    ("row", "name", "at"),
    [("chart price prev18", "mid", "prev18"), ("chart price day10", "mid", "day10"),
     ("Normal(listing centre, 2.5)", "listing-2.5", "prev18"), ("Normal(listing centre, 3.0)", "listing-3", "day10")],
)  # fmt: skip
def test_chart_prices_score_as_printed(
    shared_data: Path, tables: dict[str, list[Table]], row: str, name: str, at: str
) -> None:
    (wanted,) = heading(tables, "Set C")
    assert printed(evaluated(shared_data, "charts", name, at)) == wanted[row]
