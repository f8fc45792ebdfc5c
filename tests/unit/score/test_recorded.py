"""What `milkbot record` kept, as a recording to score: by receipt, by station, with results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.unit.score.samples import LADDER, event, utc

from milkbot.domain.cities import City, city_of_series
from milkbot.forecast.forecaster import load as load_forecaster
from milkbot.recorder import files
from milkbot.recorder.files import Line
from milkbot.score import yardsticks
from milkbot.score.evaluate import evaluate
from milkbot.score.events import DataError
from milkbot.score.load import load
from milkbot.score.moments import parse
from milkbot.score.recording import Recording
from milkbot.score.yardsticks import mids

EVENT = event()
MARKET = EVENT.brackets[3].ticker
NEW_YORK = city_of_series("KXHIGHNY")
CHICAGO = city_of_series("KXHIGHCHI")
MOMENT = utc("2024-11-20T15:00")


def settled(high: str = "54.00", results: Sequence[str] = (), series: str = "KXHIGHNY") -> Line:
    """The event after its result."""
    said = results or ["yes" if one.won else "no" for one in EVENT.brackets]
    markets = [
        {
            "ticker": one.ticker,
            "strike_type": one.strike.kind,
            "floor_strike": one.strike.floor,
            "cap_strike": one.strike.cap,
            "open_time": "2024-11-19T15:00:00Z",
            "result": result,
            "expiration_value": high if result == "yes" else "",
        }
        for one, result in zip(EVENT.brackets, said, strict=True)
    ]
    return Line(utc("2024-11-21T14:00"), "event", EVENT.ticker, {"series_ticker": series, "markets": markets})


def book(at: str, bid: str | None, ask: str | None) -> Line:
    """An order book with one level a side, or the confirmation of the one before."""
    if bid is None or ask is None:
        return Line(utc(at), "book", MARKET)
    no = Decimal(1) - Decimal(ask)
    body = {"yes_dollars": [["0.0100", "5.00"], [bid, "10.00"]], "no_dollars": [[f"{no}", "3.00"]]}
    return Line(utc(at), "book", MARKET, body)


def grid(at: str, celsius: float, city: City = NEW_YORK, elsewhere_km: float = 0.0) -> Line:
    """The service's raw grid with one maximum."""
    middle = city.longitude + elsewhere_km / (111.2 * math.cos(math.radians(city.latitude)))
    west, east, south, north = middle - 0.014, middle + 0.014, city.latitude - 0.011, city.latitude + 0.011
    ring = [[west, north], [west, south], [east, south], [east, north], [west, north]]
    values = [{"validTime": "2024-11-20T12:00:00+00:00/PT13H", "value": celsius}]
    body = {
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "updateTime": (utc(at) - timedelta(minutes=20)).isoformat(),
            "maxTemperature": {"uom": "wmoUnit:degC", "values": values},
        },
    }
    return Line(utc(at), "grid", city.station, body)


def report(at: str, observed: str, celsius: float, city: City = NEW_YORK) -> Line:
    """One report of a station."""
    temperature = {"value": celsius, "unitCode": "wmoUnit:degC", "qualityControl": "V"}
    return Line(
        utc(at),
        "observation",
        city.station,
        {"properties": {"timestamp": f"{observed}:00+00:00", "temperature": temperature}},
    )


def recorded(folder: Path, *lines: Line) -> Recording:
    """These lines as the recorder would have written them, and as they are read."""
    for line in sorted(lines, key=lambda one: one.at):
        files.append(files.hour_file(folder, line.at), [line])
    (found,) = load(folder)
    return found


def forecasts(recording: Recording, at: datetime = MOMENT) -> list[float]:
    """The degrees that were forecast, newest first."""
    return [round(one.degrees_f, 6) for one in recording.inputs(recording.events[0], at).forecasts]


def test_a_book_is_known_from_its_receipt_on_and_confirmed_by_later_runs(tmp_path: Path) -> None:
    lines = [book("2024-11-20T14:00", "0.40", "0.44"), book("2024-11-20T14:01", None, None), settled()]
    recording = recorded(tmp_path, *lines)
    inputs = recording.inputs(recording.events[0], MOMENT.replace(hour=14, minute=2))
    (quote,) = (one.quote for one in inputs.brackets if one.quote)
    assert (quote.bid, quote.ask, quote.received_at) == (Decimal("0.40"), Decimal("0.44"), utc("2024-11-20T14:01"))
    at_once = recording.inputs(recording.events[0], utc("2024-11-20T14:00"))
    assert [one.quote for one in at_once.brackets] == [None] * 6


def test_a_taker_has_the_prices_of_the_last_five_minutes(tmp_path: Path) -> None:
    recording = recorded(tmp_path, book("2024-11-20T14:00", "0.4", "0.44"), settled())
    sides = [recording.taker_prices(recording.events[0], utc(f"2024-11-20T14:0{minute}"))[3] for minute in (5, 6)]
    assert sides == [(Decimal("0.40"), Decimal("0.44")), (None, None)]


def test_an_empty_side_is_no_price_and_sub_cent_prices_are_exact(tmp_path: Path) -> None:
    body = {"yes_dollars": [["0.0025", "10.00"], ["0.0031", "0.00"]], "no_dollars": []}
    recording = recorded(tmp_path, Line(utc("2024-11-20T14:59"), "book", MARKET, body), settled())
    assert recording.taker_prices(recording.events[0], MOMENT)[3] == (Decimal("0.0025"), None)


def test_trades_are_known_from_their_receipt_on(tmp_path: Path) -> None:
    body = {
        "yes_price_dollars": "0.4200",
        "count_fp": "2.50",
        "taker_outcome_side": "no",
        "created_time": "2024-11-20T14:58:10Z",
    }
    recording = recorded(tmp_path, Line(utc("2024-11-20T14:59"), "trade", MARKET, body), settled())
    known = [recording.inputs(recording.events[0], at).brackets[3].trades for at in (utc("2024-11-20T14:59"), MOMENT)]
    assert [[trade.price for trade in trades] for trades in known] == [[], [Decimal("0.4200")]]


def test_forecasts_are_those_received_of_the_events_own_station(tmp_path: Path) -> None:
    lines = [
        grid("2024-11-19T12:00", 10.0),
        grid("2024-11-20T12:00", 12.0),
        grid("2024-11-20T12:00", 30.0, CHICAGO),
        grid("2024-11-20T13:00", 31.0, elsewhere_km=40.0),
        grid("2024-11-20T15:00", 13.0),
    ]
    recording = recorded(tmp_path, *lines, settled())
    assert forecasts(recording) == [53.6, 50.0]
    assert forecasts(recording, utc("2024-11-20T15:01")) == [55.4, 53.6, 50.0]


def test_measurements_are_those_received_by_then_and_bound_the_high(tmp_path: Path) -> None:
    lines = [
        report("2024-11-20T04:55", "2024-11-20T03:51", 20.0),
        report("2024-11-20T04:56", "2024-11-20T04:51", 20.0),
        report("2024-11-20T06:10", "2024-11-20T05:51", 15.6),
        report("2024-11-20T07:10", "2024-11-20T06:51", 14.4),
        report("2024-11-20T15:10", "2024-11-20T14:51", 16.1),
        report("2024-11-20T07:10", "2024-11-20T06:51", 30.0, CHICAGO),
    ]
    recording = recorded(
        tmp_path, *lines, grid("2024-11-20T12:00", 10.0), settled(high="60.00", results=["no"] * 5 + ["yes"])
    )
    measured = recording.inputs(recording.events[0], MOMENT).measured
    assert measured is not None
    assert measured.so_far_f == pytest.approx(60.08)
    assert measured.issued_at == utc("2024-11-20T06:51")
    assert recording.inputs(recording.events[0], utc("2024-11-20T04:59")).measured is None
    (answer,) = evaluate(recording, load_forecaster("normal"), parse("day10")).answers
    assert answer.probabilities[:5] == (0.0,) * 5


def test_a_recording_without_measurements_has_none(tmp_path: Path) -> None:
    recording = recorded(tmp_path, book("2024-11-20T14:59", "0.40", "0.44"), settled())
    assert recording.inputs(recording.events[0], MOMENT).measured is None


def test_the_market_is_scored_by_what_stood_at_the_moment(tmp_path: Path) -> None:
    recording = recorded(
        tmp_path, book("2024-11-20T14:59", "0.40", "0.44"), book("2024-11-20T15:00", "0.97", "0.99"), settled()
    )
    (answer,) = evaluate(recording, yardsticks.MID, parse("day10")).answers
    assert mids(recording.inputs(recording.events[0], MOMENT))[3] == 0.42
    assert answer.probabilities[3] == 0.42
    assert recording.events[0].high == 54
    assert [one.strike for one in recording.events[0].brackets] == list(LADDER)


@pytest.mark.parametrize(
    "last",
    [
        settled(results=[""] * 6),
        settled(results=["no"] * 6),
        settled(results=["scalar", *["no"] * 5]),
        settled(series="KXRAINNYC"),
    ],
    ids=["open", "no winner", "void", "another series"],
)
def test_an_event_without_a_result_is_left_out(tmp_path: Path, last: Line) -> None:
    with pytest.raises(DataError, match="holds no event that has settled"):
        recorded(tmp_path, last)


@pytest.mark.parametrize(
    "odd",
    [{"yes_dollars": [["a lot", "1.00"]]}, {"yes_dollars": [["0.40"]]}, ["not", "an", "object"]],
)
def test_a_line_that_is_not_understood_names_its_file(tmp_path: Path, odd: Any) -> None:
    with pytest.raises(DataError, match=r"14\.jsonl\.xz is not readable: .*; try milkbot record verify"):
        recorded(tmp_path, Line(utc("2024-11-20T14:00"), "book", MARKET, odd), settled())
