"""A recorded day as a world, from rows that a test writes."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.simulator.api import Api, served

from milkbot.domain.markets import StrikeType
from milkbot.errors import ConfigError
from milkbot.simulator.replay.recording import read_recording
from milkbot.simulator.replay.tape import SILENCE
from milkbot.simulator.replay.weather import BELOW_FORECAST
from milkbot.simulator.replay.world import RecordedWorld

DAY = date(2025, 12, 16)
EVENT = "KXHIGHNY-25DEC16"
TICKERS = [f"{EVENT}-{suffix}" for suffix in ("T28", "B28.5", "B30.5", "B32.5", "B34.5", "T35")]
WINNER = f"{EVENT}-B32.5"
OPENING = [("2025-12-15T07:01:20.000001", ticker, 20, 70) for ticker in TICKERS]
ENDING = [
    *(("2025-12-16T12:00:00", ticker, 0, 99) for ticker in TICKERS if ticker != WINNER),
    ("2025-12-16T12:00:00", WINNER, 99, 0),
]
ISSUES = [("2025-12-15T06:46Z", 31), ("2025-12-15T12:46Z", 32), ("2025-12-16T00:46Z", 33)]


def write(folder: Path, middle: list[tuple[str, str, int, int]], high: float | None = 32.0) -> Path:
    """A recording in the layout of the collected data; times are the recorder's, in US Pacific."""
    quotes = folder / "history" / "nyc_quotes_2025-12"
    quotes.mkdir(parents=True)
    with gzip.open(quotes / f"market_data_{EVENT}.csv.gz", "wt") as text:
        text.write("timestamp,market_ticker,best_yes_bid,best_no_bid,implied_no_ask,implied_yes_ask\n")
        for at, ticker, yes, no in [*OPENING, *middle, *ENDING]:
            text.write(f"{at},{ticker},{yes},{no},{100 - yes},{100 - no}\n")
    rows = "".join(f"2025-12-16,{at},{value}\n2025-12-17,{at},{value + 9}\n" for at, value in ISSUES)
    (folder / "history" / "ndfd_nyc_maxt_2025-12.csv").write_text(f"target_date,issue_time_utc,ndfd_max_f\n{rows}")
    if high is not None:
        (folder / "api_iem").mkdir()
        body = {"data": [{"station": "NYC", "date": "2025-12-16", "max_tmpf": high}]}
        (folder / "api_iem" / "daily_nyc_2025_12.json").write_text(json.dumps(body))
    return folder / "history"


def world(
    folder: Path, middle: list[tuple[str, str, int, int]] | None = None, high: float | None = 32.0
) -> RecordedWorld:
    return RecordedWorld(read_recording(write(folder, middle or [], high), DAY), 100)


def best(api: Api, ticker: str = WINNER) -> tuple[str, str, str]:
    market = api.get(f"/markets/{ticker}")["market"]
    return market["yes_bid_dollars"], market["yes_ask_dollars"], market["yes_ask_size_fp"]


def test_brackets_come_from_the_tickers_and_tails_point_outward(tmp_path: Path) -> None:
    strikes = world(tmp_path).plan.strikes

    assert [(s.kind, s.floor, s.cap) for s in strikes] == [
        (StrikeType.LESS, None, 28),
        *((StrikeType.BETWEEN, low, low + 1) for low in (28, 30, 32, 34)),
        (StrikeType.GREATER, 35, None),
    ]


def test_quotes_appear_at_their_times_and_not_before(tmp_path: Path) -> None:
    recorded = world(tmp_path, [("2025-12-15T07:45:00", WINNER, 40, 55)])
    assert recorded.starts_at == datetime(2025, 12, 15, 15, 2, tzinfo=UTC)

    with served(tmp_path / "state", recorded, recorded.starts_at) as api:
        assert best(api) == ("0.2000", "0.3000", "100.00")
        api.tick(minutes=42, seconds=59)
        assert best(api) == ("0.2000", "0.3000", "100.00")
        api.tick(seconds=1)
        assert best(api) == ("0.4000", "0.4500", "100.00")


def test_a_taken_quote_is_gone_until_its_side_changes(tmp_path: Path) -> None:
    changes = [("2025-12-15T07:10:00", WINNER, 21, 70), ("2025-12-15T07:20:00", WINNER, 21, 69)]
    recorded = world(tmp_path, changes)
    with served(tmp_path / "state", recorded, recorded.starts_at) as api:
        taken = api.order(ticker=WINNER, count="60", price="0.30", time_in_force="immediate_or_cancel")
        assert taken.json()["fill_count"] == "60.00"
        api.tick(minutes=10)
        assert best(api) == ("0.2100", "0.3000", "40.00")
        api.tick(minutes=10)
        assert best(api) == ("0.2100", "0.3100", "100.00")


def test_resting_order_is_filled_when_a_recorded_quote_crosses_it(tmp_path: Path) -> None:
    recorded = world(tmp_path, [("2025-12-15T07:10:00", WINNER, 10, 76), ("2025-12-15T07:10:01", WINNER, 20, 70)])
    with served(tmp_path / "state", recorded, recorded.starts_at) as api:
        order_id = api.order(ticker=WINNER, count="5", price="0.25").json()["order_id"]
        api.tick(minutes=20)
        order = api.get(f"/portfolio/orders/{order_id}")["order"]

    assert (order["status"], order["maker_fill_cost_dollars"]) == ("executed", "1.250000")


def test_quotes_are_withdrawn_during_gaps_of_the_recording(tmp_path: Path) -> None:
    recorded = world(tmp_path)
    with served(tmp_path / "state", recorded, recorded.starts_at) as api:
        api.tick(seconds=SILENCE.total_seconds())
        book = api.get(f"/markets/{WINNER}/orderbook")["orderbook_fp"]

    assert book == {"yes_dollars": [], "no_dollars": []}


def test_a_half_recorded_trade_never_shows_a_crossed_book(tmp_path: Path) -> None:
    recorded = world(tmp_path, [("2025-12-15T07:10:00", WINNER, 35, 70), ("2025-12-15T07:10:01", WINNER, 35, 60)])
    with served(tmp_path / "state", recorded, recorded.starts_at) as api:
        api.tick(minutes=8)
        assert best(api) == ("0.3500", "1.0000", "0.00")
        api.tick(minutes=1)
        assert best(api) == ("0.3500", "0.4000", "100.00")


def test_forecast_is_visible_only_after_its_issue(tmp_path: Path) -> None:
    recorded = world(tmp_path)
    city = recorded.series[0].city
    issue = datetime(2025, 12, 16, 0, 46, tzinfo=UTC)

    before = recorded.weather.forecast(city, issue + timedelta(minutes=4))
    after = recorded.weather.forecast(city, issue + timedelta(minutes=5))

    assert before is not None
    assert after is not None
    assert (before.issued_at, before.highs[DAY]) == (datetime(2025, 12, 15, 12, 46, tzinfo=UTC), 32)
    assert (after.issued_at, after.highs) == (issue, {DAY: 33, date(2025, 12, 17): 42})
    assert recorded.weather.forecast(city, datetime(2025, 12, 15, 6, 50, tzinfo=UTC)) is None


def test_the_thermometer_of_a_recorded_day_reports_each_hour_and_decides_nothing(tmp_path: Path) -> None:
    recorded = world(tmp_path)
    city, now = recorded.series[0].city, datetime(2025, 12, 16, 18, 0, tzinfo=UTC)
    found = recorded.weather.readings(city, now - timedelta(hours=3), now, now)
    assert [f"{reading.at:%H:%M}" for reading in found] == ["17:53", "16:53", "15:53"]
    issue = recorded.weather.forecast(city, now)
    assert issue is not None
    assert {reading.fahrenheit <= issue.highs[DAY] - BELOW_FORECAST for reading in found} == {True}


def test_day_settles_at_the_recorded_high(tmp_path: Path) -> None:
    recorded = world(tmp_path)
    with served(tmp_path / "state", recorded, recorded.starts_at) as api:
        api.order(ticker=WINNER, count="10", price="0.30", time_in_force="immediate_or_cancel")
        assert recorded.ends_at is not None
        api.tick(seconds=(recorded.ends_at - api.now).total_seconds())
        settled = api.get("/portfolio/settlements")["settlements"]
        markets = api.get("/markets")["markets"]

    assert [(row["ticker"], row["revenue"]) for row in settled] == [(WINNER, 1000)]
    assert {market["status"] for market in markets} == {"finalized"}
    assert {market["expiration_value"] for market in markets} == {"32.00"}


def test_outcome_follows_the_last_quotes_without_a_recorded_high(tmp_path: Path) -> None:
    recorded = world(tmp_path, high=None)

    assert recorded.official(recorded.plan) == 32


def test_a_contradictory_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"high of 2025-12-16 is 30, but the last quotes say KXHIGHNY-25DEC16-B32.5"):
        world(tmp_path, high=30.0)


def test_a_folder_of_quotes_is_accepted_and_a_broken_one_is_refused_by_name(tmp_path: Path) -> None:
    history = write(tmp_path, [])
    quotes = history / "nyc_quotes_2025-12"
    assert read_recording(quotes, DAY) == read_recording(history, DAY)

    path = quotes / f"market_data_{EVENT}.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ConfigError, match="the recording of 2025-12-16 is not readable"):
        read_recording(history, DAY)


def test_every_collected_day_can_be_served(shared_data: Path) -> None:
    folder = shared_data / "history"
    files = sorted((folder / "nyc_quotes_2025-12").glob("*.csv.gz"))
    days = [datetime.strptime(path.name[21:28], "%y%b%d").replace(tzinfo=UTC).date() for path in files]

    assert len(days) >= 15
    for day in days:
        recorded = RecordedWorld(read_recording(folder, day), 100)
        assert sum(strike.contains(recorded.official(recorded.plan)) for strike in recorded.plan.strikes) == 1
