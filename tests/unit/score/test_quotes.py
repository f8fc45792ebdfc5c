"""Recorded best quotes with forecasts: what stood, in the recorder's local time, and which station it is of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.unit.score.samples import EVENT, LADDER, event, market_ticker, quotes, utc, write

from milkbot.score.events import DataError
from milkbot.score.load import load
from milkbot.score.yardsticks import mids

MARKET = market_ticker(EVENT, LADDER[3])
MOMENT = utc("2024-11-20T15:00")


def test_the_recorders_local_time_is_us_pacific(tmp_path: Path) -> None:
    recording = quotes(
        tmp_path, [("2024-11-20T06:59:59", MARKET, "40", "58"), ("2024-11-20T07:00:00", MARKET, "1", "2")]
    )
    assert mids(recording.inputs(recording.events[0], MOMENT))[3] == 0.41


@pytest.mark.parametrize(
    ("local", "last"), [("2025-03-08T14:59:59", date(2025, 3, 9)), ("2024-11-02T14:59:59", date(2024, 11, 3))]
)
def test_the_evening_before_a_change_of_clocks_is_read_right(tmp_path: Path, local: str, last: date) -> None:
    ticker = event(day=last).brackets[3].ticker
    recording = quotes(tmp_path, [(local, ticker, "40", "58")], day=last)
    before = utc(local).replace(hour=22 if local.startswith("2024") else 23, minute=0, second=0)
    assert mids(recording.inputs(recording.events[0], before))[3] == 0.41
    early = before.replace(minute=59, hour=before.hour - 1)
    assert mids(recording.inputs(recording.events[0], early))[3] is None


def test_an_empty_side_counts_as_its_bound_and_is_no_price_for_a_taker(tmp_path: Path) -> None:
    recording = quotes(tmp_path, [("2024-11-20T06:30:00", MARKET, "0", "98")])
    inputs = recording.inputs(recording.events[0], MOMENT)
    assert mids(inputs) == [None, None, None, 0.01, None, None]
    assert recording.taker_prices(recording.events[0], MOMENT)[3] == (None, Decimal("0.02"))


def test_after_an_hour_of_silence_quotes_are_as_old_as_they_are(tmp_path: Path) -> None:
    recording = quotes(tmp_path, [("2024-11-20T06:00:00", MARKET, "40", "58")])
    fresh, stale = (recording.inputs(recording.events[0], utc(at)) for at in ("2024-11-20T15:00", "2024-11-20T15:01"))
    assert [one.brackets[3].quote.received_at for one in (fresh, stale) if one.brackets[3].quote] == [
        MOMENT,
        utc("2024-11-20T14:00"),
    ]
    assert recording.taker_prices(recording.events[0], utc("2024-11-20T15:01"))[3] == (None, None)


def test_forecasts_that_were_issued_later_are_not_known(tmp_path: Path) -> None:
    issues = [("2024-11-19T12:46Z", 55), ("2024-11-20T12:46Z", 53), ("2024-11-20T15:46Z", 49)]
    recording = quotes(tmp_path, [("2024-11-20T06:00:00", MARKET, "40", "58")], issues=issues)
    known = recording.inputs(recording.events[0], MOMENT).forecasts
    assert [one.degrees_f for one in known] == [53, 55]


def test_forecasts_of_another_days_high_are_left_out(tmp_path: Path) -> None:
    recording = quotes(tmp_path, [("2024-11-20T06:00:00", MARKET, "40", "58")], issues=[("2024-11-19T12:46Z", 55)])
    path = tmp_path / "history" / "ndfd_nyc_maxt_2024-11.csv"
    path.write_text(path.read_text().replace("2024-11-20,", "2024-11-21,"))
    (recording,) = load(tmp_path)
    assert recording.inputs(recording.events[0], MOMENT).forecasts == ()


def test_highs_of_another_station_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it is of station JFK, but NYC settles by KNYC"):
        quotes(tmp_path, [("2024-11-20T06:00:00", MARKET, "40", "58")], station="JFK")


def test_a_high_that_the_market_contradicts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the market ended on KXHIGHNY-24NOV20-B54\.5, the high of 51 F"):
        quotes(tmp_path, [("2024-11-20T06:00:00", MARKET, "99", "0")], high=51.0)


def test_a_high_in_fractions_of_a_degree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a measurement in Celsius"):
        quotes(tmp_path, [("2024-11-20T06:00:00", MARKET, "40", "58")], high=53.96)


def test_a_missing_high_names_the_file(tmp_path: Path) -> None:
    quotes(tmp_path, [("2024-11-20T06:00:00", MARKET, "40", "58")])
    (tmp_path / "api_iem" / "daily_nyc_2024_11.json").unlink()
    with pytest.raises(DataError, match=r"daily_nyc_2024_11\.json is not readable"):
        load(tmp_path)


def test_sub_cent_quotes_are_exact(tmp_path: Path) -> None:
    recording = quotes(tmp_path, [("2024-11-20T06:30:00", MARKET, "0.15", "99.7")])
    assert recording.taker_prices(recording.events[0], MOMENT)[3] == (Decimal("0.0015"), Decimal("0.003"))


def test_a_file_of_an_unknown_series_is_refused(tmp_path: Path) -> None:
    quotes(tmp_path, [("2024-11-20T06:30:00", MARKET, "10", "80")])
    folder = tmp_path / "history" / "nyc_quotes_sample"
    write(folder / "market_data_KXHIGHOSLO-24NOV20.csv.gz", ["timestamp"])
    with pytest.raises(DataError, match="series KXHIGHOSLO is not in"):
        load(tmp_path)
