"""A tape of trades: what stands for a quote, and that nothing of it is later than the moment."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.score.samples import EVENT, LADDER, ODD, Trades, event, market_ticker, tape, utc, write

from milkbot.domain.orders import Leg
from milkbot.forecast.inputs import Inputs, Quote
from milkbot.score.events import DataError
from milkbot.score.load import load
from milkbot.score.recording import Recording
from milkbot.score.tape import Tape
from milkbot.score.yardsticks import mids

MARKET = market_ticker(EVENT, LADDER[3])
MOMENT = utc("2024-11-20T15:00")


def quote_of(recording: Recording, at: str = "2024-11-20T15:00") -> Quote | None:
    """What stood for the quote of the one market that was traded."""
    brackets = recording.inputs(recording.events[0], utc(at)).brackets
    return next(one for one in brackets if one.ticker == MARKET).quote


def test_the_mid_is_between_the_last_taker_of_yes_and_the_last_taker_of_no(tmp_path: Path) -> None:
    trades = [(MARKET, "2024-11-20T13:00:00Z", "40", "yes"), (MARKET, "2024-11-20T14:00:00Z", "37", "no")]
    found = quote_of(tape(tmp_path, trades))
    assert found is not None
    assert (found.bid, found.ask, found.mid) == (Decimal("0.37"), Decimal("0.40"), Decimal("0.385"))


def test_a_trade_exactly_six_hours_before_counts_and_one_before_that_does_not(tmp_path: Path) -> None:
    trades = [(MARKET, "2024-11-20T09:00:00Z", "40", "yes"), (MARKET, "2024-11-20T14:00:00Z", "30", "no")]
    recording = tape(tmp_path, trades)
    at, later = quote_of(recording), quote_of(recording, "2024-11-20T15:00:00.001")
    assert at is not None
    assert later is not None
    assert (at.mid, later.mid) == (Decimal("0.35"), Decimal("0.30"))


def test_the_last_trade_counts_however_old_where_a_side_is_missing(tmp_path: Path) -> None:
    found = quote_of(tape(tmp_path, [(MARKET, "2024-11-19T16:00:00Z", "12", "yes")]))
    assert found is not None
    assert (found.bid, found.ask) == (Decimal("0.12"), Decimal("0.12"))
    assert found.issued_at == utc("2024-11-19T16:00")


def test_a_trade_at_the_very_moment_is_not_known_yet(tmp_path: Path) -> None:
    assert quote_of(tape(tmp_path, [(MARKET, "2024-11-20T15:00:00Z", "12", "yes")])) is None


def test_what_was_traded_begins_with_the_start_and_ends_before_the_end(tmp_path: Path) -> None:
    times = ("14:59:59", "15:00:00", "15:10:00", "15:15:00")
    trades = [(MARKET, f"2024-11-20T{at}Z", str(30 + number), "no") for number, at in enumerate(times)]
    prices = tape(tmp_path, trades).prices
    assert isinstance(prices, Tape)
    found = prices.traded(MARKET, MOMENT, MOMENT + timedelta(minutes=15))
    assert (found.prices.tolist(), found.counts.tolist(), found.is_yes.tolist()) == (
        [0.31, 0.32],
        [3.0, 3.0],
        [False, False],
    )


def test_trades_of_one_time_keep_the_order_of_the_file(tmp_path: Path) -> None:
    trades = [(MARKET, "2024-11-20T14:00:00.5Z", cents, "yes") for cents in ("31", "29", "33", "30")]
    recording = tape(tmp_path, [*trades, (MARKET, "2024-11-20T13:00:00Z", "99", "yes")])
    (traded,) = (one for one in recording.inputs(recording.events[0], MOMENT).brackets if one.trades)
    assert [one.price for one in traded.trades] == [Decimal(one) / 100 for one in (99, 31, 29, 33, 30)]
    assert {one.taker for one in traded.trades} == {Leg.YES}


def test_sub_cent_prices_are_exact(tmp_path: Path) -> None:
    trades = [(MARKET, "2024-11-20T14:00:00Z", "0.27", "yes"), (MARKET, "2024-11-20T14:30:00Z", "0.26", "no")]
    recording = tape(tmp_path, trades)
    found = quote_of(recording)
    assert found is not None
    assert (found.bid, found.ask) == (Decimal("0.0026"), Decimal("0.0027"))
    assert mids(recording.inputs(recording.events[0], MOMENT))[3] == 0.00265


def test_a_taker_has_only_prices_of_the_last_hour(tmp_path: Path) -> None:
    trades = [(MARKET, "2024-11-20T13:59:59Z", "40", "yes"), (MARKET, "2024-11-20T14:30:00Z", "30", "no")]
    recording = tape(tmp_path, trades)
    assert recording.taker_prices(recording.events[0], MOMENT)[3] == (Decimal("0.30"), None)


def test_an_hour_without_trades_leaves_the_quote_and_a_market_without_any_has_none(tmp_path: Path) -> None:
    recording = tape(tmp_path, [(MARKET, "2024-11-20T12:00:00Z", "40", "yes")])
    assert mids(recording.inputs(recording.events[0], MOMENT)) == [None, None, None, 0.4, None, None]


def test_a_free_text_in_place_of_the_high_is_read_by_its_first_number(tmp_path: Path) -> None:
    recording = tape(tmp_path, [(MARKET, "2024-11-20T12:00:00Z", "40", "yes")], high="54. Although not finalized")
    assert recording.events[0].high == 54


def test_the_high_of_the_day_before_is_known_once_its_report_is_out(tmp_path: Path) -> None:
    before = event(high=50, day=event().day.replace(day=19))
    recording = tape(tmp_path, [(MARKET, "2024-11-20T12:00:00Z", "40", "yes")], before, event())
    sources = [
        [one.source for one in recording.inputs(recording.events[1], utc(at)).forecasts]
        for at in ("2024-11-19T23:00", "2024-11-20T15:00")
    ]
    assert sources == [["listing"], ["listing", "persistence"]]


def test_odd_strikes_are_read_as_the_table_has_them(tmp_path: Path) -> None:
    odd = event(ODD, 45)
    recording = tape(tmp_path, [(odd.brackets[0].ticker, "2024-11-20T12:00:00Z", "40", "yes")], odd)
    assert [one.strike for one in recording.events[0].brackets] == list(ODD)


MOMENTS = st.datetimes(datetime(2024, 11, 19), datetime(2024, 11, 21), timezones=st.just(UTC))  # noqa: DTZ001 - bounds have no zone


@settings(max_examples=25)
@given(
    trades=st.lists(st.tuples(MOMENTS, st.integers(1, 99), st.sampled_from(["yes", "no"])), min_size=5, max_size=40),
    number=st.integers(0, 4),
    offset=st.sampled_from([0, 0, 1, -1, 3_600_000_000, -21_600_000_000]),
)
def test_inputs_as_of_a_moment_contain_nothing_later(
    tmp_path_factory: pytest.TempPathFactory, trades: list[tuple[datetime, int, str]], number: int, offset: int
) -> None:
    """The moment is at or next to a trade: a microsecond, an hour, or six hours."""
    at = trades[number][0] + timedelta(microseconds=offset)
    listed = (MARKET, "2024-11-18T15:00:00.000Z", "50", "yes")
    rows = [(time, (MARKET, f"{time:%Y-%m-%dT%H:%M:%S.%f}Z", str(cents), side)) for time, cents, side in trades]
    inputs = _inputs(tmp_path_factory, [listed, *(row for _, row in rows)], at)
    stamps = [one.quote.issued_at for one in inputs.brackets if one.quote]
    stamps += [trade.issued_at for one in inputs.brackets for trade in one.trades]
    stamps += [one.received_at for one in inputs.forecasts]
    assert all(stamp < at for stamp in stamps)
    assert inputs == _inputs(tmp_path_factory, [listed, *(row for time, row in rows if time < at)], at)


def _inputs(folders: pytest.TempPathFactory, trades: Trades, at: datetime) -> Inputs:
    recording = tape(folders.mktemp("tape"), trades)
    return recording.inputs(recording.events[0], at)


def test_a_folder_without_recorded_data_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no recorded data to score; expected cpratim_markets\.csv\.gz or"):
        load(tmp_path)


def test_a_trade_that_is_no_trade_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cpratim_trades_sample\.csv\.gz is not readable"):
        tape(tmp_path, [(MARKET, "yesterday", "40", "yes")])


@pytest.mark.parametrize(
    "trade",
    [
        (MARKET, "2024-11-20T12:00:00Z", "101", "yes"),
        (MARKET, "2024-11-20T12:00:00Z", "", "yes"),
        (MARKET, "", "40", "yes"),
        (MARKET, "2024-11-20T12:00:00Z", "40", "maker"),
    ],
)
def test_a_trade_that_cannot_be_names_the_file_and_the_line(tmp_path: Path, trade: tuple[str, str, str, str]) -> None:
    good = (MARKET, "2024-11-20T12:00:00Z", "40", "yes")
    with pytest.raises(DataError, match=r"cpratim_trades_sample\.csv\.gz, line 3: 1 rows are not as expected"):
        tape(tmp_path, [good, trade, good])


def test_an_event_that_has_not_settled_is_left_out(tmp_path: Path) -> None:
    tape(tmp_path, [(MARKET, "2024-11-20T12:00:00Z", "40", "yes")], event(), event(day=date(2024, 11, 21)))
    path = tmp_path / "cpratim_markets.csv.gz"
    rows = gzip.decompress(path.read_bytes()).decode().splitlines()
    ahead = [row.replace(",yes,", ",,").replace(",no,", ",,") if "24NOV21" in row else row for row in rows]
    write(path, ahead)
    assert [one.ticker for one in load(tmp_path)[0].events] == [EVENT]
    write(path, [row for row in ahead if EVENT not in row])
    with pytest.raises(DataError, match="holds no event that has settled"):
        load(tmp_path)


def test_a_file_that_was_cut_names_itself(tmp_path: Path) -> None:
    tape(tmp_path, [(MARKET, "2024-11-20T12:00:00Z", "40", "yes")])
    path = tmp_path / "cpratim_markets.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"cpratim_markets\.csv\.gz is not readable"):
        load(tmp_path)


def test_a_table_without_a_column_names_it(tmp_path: Path) -> None:
    write(tmp_path / "cpratim_markets.csv.gz", ["series,date"])
    with pytest.raises(DataError, match="it has no column event_ticker, ticker"):
        load(tmp_path)


def test_a_series_without_its_trades_is_named(tmp_path: Path) -> None:
    other = event(series="KXHIGHCHI")
    with pytest.raises(DataError, match="no trade of KXHIGHCHI"):
        tape(tmp_path, [(MARKET, "2024-11-20T12:00:00Z", "40", "yes")], event(), other)
