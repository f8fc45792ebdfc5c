"""One run after another at a simulated exchange: what is kept of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from tests.unit.recorder.recording import NOON, Station

from milkbot.errors import LockHeldError
from milkbot.recorder import files
from milkbot.recorder.memory import Kind
from milkbot.recorder.run import READ_LIMIT, _locked
from milkbot.recorder.verify import verify
from milkbot.simulator.faults import FaultPlan, FaultRule
from milkbot.venue.rate_limits import BASIC_READ
from milkbot.weather.measured import BEFORE


def fail(station: Station, call: str, times: int | None = None) -> None:
    rule = FaultRule.model_validate({"fault": "error_before", "call": call, "times": times})
    station.venue.simulator.set_faults(FaultPlan((rule,)))


def test_one_run_keeps_all_that_is_public(station: Station) -> None:
    report = station.record()
    assert report.problems == []
    assert {kind: count for kind, count in report.lines.items() if kind != Kind.TRADE} == {
        "status": 1,
        "series": 1,
        "event": 2,
        "book": 12,
        "tape": report.lines["tape"],
        "grid": 1,
        "observation": report.lines["observation"],
    }
    assert report.lines["observation"] > 5
    assert report.lines["trade"] > 0
    assert {method for method, _, _ in station.venue.wire.requests} == {"GET"}


def test_order_books_are_kept_in_their_full_depth(station: Station) -> None:
    station.record()
    for line in station.lines(Kind.BOOK):
        assert line.body == station.venue.ask("GET", f"/markets/{line.key}/orderbook").json()["orderbook_fp"]
        assert line.at == NOON


def test_an_order_book_that_did_not_change_is_only_confirmed(station: Station) -> None:
    station.record()
    first = station.lines(Kind.BOOK)
    station.record(minutes=0.01)
    confirmed = station.lines(Kind.BOOK)[len(first) :]
    assert len(confirmed) == len(first)
    assert {line.body for line in confirmed} == {None}
    assert {line.at for line in confirmed} == {NOON + timedelta(seconds=0.6)}


def test_each_hour_can_be_read_without_the_one_before(station: Station) -> None:
    station.record()
    station.record(minutes=60)
    for day in files.days(station.root):
        for path in files.hours(day):
            lines = list(files.read_lines(path))
            whole = {(line.kind, line.key) for line in lines if line.body is not None}
            assert {(line.kind, line.key) for line in lines} == whole
            assert {"book", "event", "grid", "series", "status"} <= {line.kind for line in lines}


def test_every_public_trade_is_kept_once(station: Station) -> None:
    for _ in range(15):
        station.record(minutes=5)
    kept = [line.body for line in station.lines(Kind.TRADE)]
    state = station.venue.simulator.state
    traded = {trade.trade_id for trade in state.trades if trade.ticker.startswith("KXHIGHNY")}
    assert Counter(trade["trade_id"] for trade in kept) == Counter(traded)
    assert len(traded) > 5


def test_trades_of_a_time_without_a_run_are_caught_up(station: Station) -> None:
    station.record()
    station.record(minutes=300)
    state = station.venue.simulator.state
    kept = {line.body["trade_id"] for line in station.lines(Kind.TRADE)}
    assert {trade.trade_id for trade in state.trades if trade.ticker.startswith("KXHIGHNY")} == kept


def test_every_observation_is_kept_once_and_a_new_one_when_it_comes(station: Station) -> None:
    station.record()
    station.record(minutes=30)
    station.record(minutes=300)
    stamps = [line.body["properties"]["timestamp"] for line in station.lines(Kind.OBSERVATION)]
    city = station.venue.simulator.world.weather.cities[0]
    start = city.day_bounds(city.climate_day_at(NOON))[0] - BEFORE
    now = station.venue.now()
    published = station.venue.simulator.world.weather.readings(city, start, now, now)
    assert sorted(map(datetime.fromisoformat, stamps)) == sorted(reading.at for reading in published)


def test_a_forecast_is_kept_by_issue_with_the_time_of_its_receipt(station: Station) -> None:
    for _ in range(5):
        station.record(minutes=150)
    grids = [line for line in station.lines(Kind.GRID) if line.body is not None]
    issues = {datetime.fromisoformat(line.body["properties"]["updateTime"]) for line in grids}
    assert len(issues) > 1
    assert all(datetime.fromisoformat(line.body["properties"]["updateTime"]) < line.at for line in grids)


def test_an_event_is_followed_to_its_result(station: Station) -> None:
    for _ in range(12):
        station.record(minutes=150)
    event = [line.body for line in station.lines(Kind.EVENT) if line.key == "KXHIGHNY-26AUG03" and line.body][-1]
    assert {market["status"] for market in event["markets"]} == {"finalized"}
    assert sorted(market["result"] for market in event["markets"]) == ["no"] * 5 + ["yes"]
    last = station.lines(Kind.EVENT)[-1].at
    assert max(line.at for line in station.lines(Kind.EVENT) if line.key == "KXHIGHNY-26AUG03") < last


def test_a_result_is_found_after_days_in_which_the_exchange_did_not_answer(station: Station) -> None:
    station.record()
    fail(station, "GET /*")
    for _ in range(30):
        report = station.record(minutes=60)
        assert 0 < len(report.problems) <= 6
    station.venue.simulator.set_faults(FaultPlan())
    station.record(minutes=60)
    event = [line.body for line in station.lines(Kind.EVENT) if line.key == "KXHIGHNY-26AUG03"][-1]
    assert {market["status"] for market in event["markets"]} == {"finalized"}


def test_one_call_that_fails_does_not_take_the_others_with_it(station: Station) -> None:
    fail(station, "GET /series/*")
    report = station.record()
    assert [problem.split(":")[0] for problem in report.problems] == ["/series/KXHIGHNY"]
    assert report.lines["book"] == 12
    assert report.lines["grid"] == 1
    assert verify(station.root).problems == 1


def test_trades_that_could_not_be_read_are_read_next_time(station: Station) -> None:
    fail(station, "GET /markets/trades", times=1)
    station.record()
    station.record(minutes=1)
    state = station.venue.simulator.state
    kept = {line.body["trade_id"] for line in station.lines(Kind.TRADE)}
    assert {trade.trade_id for trade in state.trades if trade.ticker.startswith("KXHIGHNY")} == kept


def test_series_that_the_exchange_does_not_know_cost_themselves(station: Station) -> None:
    gone = ("KXHIGHMIA", "KXHIGHLAX", "KXHIGHAUS", "KXHIGHDEN")
    rule = FaultRule.model_validate({"fault": "error_before", "call": "GET /events", "times": len(gone), "status": 500})
    station.venue.simulator.set_faults(FaultPlan((rule,)))
    report = station.record(series=(*gone, "KXHIGHNY"))
    assert len(report.problems) == len(gone)
    assert report.lines["book"] == 12


def test_a_service_that_does_not_answer_is_left_alone_after_three_reads(station: Station) -> None:
    rule = FaultRule.model_validate({"fault": "connection_reset", "call": "GET /events", "times": None})
    station.venue.simulator.set_faults(FaultPlan((rule,)))
    report = station.record(series=("KXHIGHMIA", "KXHIGHLAX", "KXHIGHAUS", "KXHIGHNY"))
    assert [problem.split(":")[0] for problem in report.problems] == [
        f"/events of KXHIGH{city}" for city in ("MIA", "LAX", "AUS")
    ]
    assert report.lines["grid"] == 4


def test_hours_that_are_over_are_packed_and_the_running_one_is_not(station: Station) -> None:
    for _ in range(3):
        station.record(minutes=60)
    (day,) = files.days(station.root)
    assert [path.name[:2] for path in files.hours(day)] == ["17", "18", "19"]
    assert sorted(files.read_sums(day)) == ["17.jsonl.xz", "18.jsonl.xz"]


def test_the_limit_removes_the_oldest_day_and_says_so(station: Station) -> None:
    station.record()
    station.record(minutes=24 * 60)
    report = station.record(minutes=24 * 60, limit_bytes=1)
    assert report.removed == ["2026-08-03", "2026-08-04"]
    assert [day.name for day in files.days(station.root)] == ["2026-08-05"]


def test_a_second_run_at_the_same_time_leaves_at_once(station: Station) -> None:
    with _locked(station.root), pytest.raises(LockHeldError, match="another run records into"):
        station.record()


def test_it_takes_less_than_the_account_may_read() -> None:
    assert READ_LIMIT.refill_rate * 4 <= BASIC_READ.refill_rate
    assert READ_LIMIT.capacity * 4 <= BASIC_READ.capacity


def test_no_request_is_signed(station: Station) -> None:
    station.record()
    assert "user-agent" in station.wire.headers
    assert not [name for name in station.wire.headers if name.startswith("kalshi") or name == "authorization"]
