"""Recorded events: what must agree before one is scored."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from tests.unit.score.samples import DAY, EVENT, LADDER, ODD, SERIES, TWO, event, market_ticker

from milkbot.domain.markets import Strike, StrikeType
from milkbot.score.events import Bracket, DataError, recorded_event, strikes_of_tickers

OPENED = event().opened_at


def test_brackets_are_in_the_order_of_temperatures_whatever_the_order_of_the_file() -> None:
    shuffled = event(strikes=(LADDER[5], LADDER[2], LADDER[0], LADDER[4], LADDER[1], LADDER[3]))
    assert [one.strike for one in shuffled.brackets] == list(LADDER)
    assert shuffled.brackets[shuffled.winner].strike.contains(54)


@pytest.mark.parametrize("high", [10, 41, 44, 48, 50, 120])
def test_six_odd_strikes_have_one_winner_for_each_high(high: int) -> None:
    odd = event(ODD, high)
    assert odd.brackets[odd.winner].strike.contains(high)
    assert all(low.strike.upper_edge == above.strike.lower_edge for low, above in pairwise(odd.brackets))


def test_an_event_of_two_brackets_is_whole_and_has_no_listing_centre() -> None:
    two = event(TWO, 49)
    assert two.winner == 0
    assert two.listing_centre is None


def test_the_listing_centre_is_the_mean_of_the_inner_middles() -> None:
    assert event().listing_centre == 53.5


def test_a_leap_day_is_a_day_of_its_own() -> None:
    leap = event(day=date(2024, 2, 29))
    assert leap.ticker == "KXHIGHNY-24FEB29"
    assert leap.day == date(2024, 2, 29)


def test_an_unknown_series_is_refused_with_where_to_add_it() -> None:
    with pytest.raises(DataError, match=r"series KXHIGHOSLO is not in cities\.toml"):
        recorded_event(EVENT, "KXHIGHOSLO", DAY, [], 54, OPENED)


def test_a_gap_between_brackets_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"B54\.5 begins at 53\.5 F, the bracket below ends at 51\.5 F"):
        event(strikes=[one for one in LADDER if one != LADDER[2]])


def test_a_missing_tail_is_refused() -> None:
    with pytest.raises(DataError, match="do not reach to both ends"):
        event(strikes=LADDER[:-1])


def test_two_winners_are_refused() -> None:
    brackets = [Bracket(market_ticker(EVENT, one), one, won=one.contains(54) or one.contains(52)) for one in LADDER]
    with pytest.raises(DataError, match="2 of its markets resolved to yes"):
        recorded_event(EVENT, SERIES, DAY, brackets, 54, OPENED)


def test_the_high_of_another_station_is_refused_with_the_station_that_is_wanted() -> None:
    brackets = [Bracket(market_ticker(EVENT, one), one, won=one.contains(50)) for one in LADDER]
    with pytest.raises(DataError, match="another station or day, KNYC on 2024-11-20 is wanted"):
        recorded_event(EVENT, SERIES, DAY, brackets, 54, OPENED)


@pytest.mark.parametrize("celsius", [10.6, 11.7, 12.2])
def test_a_measurement_converted_from_celsius_is_no_official_high(celsius: float) -> None:
    with pytest.raises(DataError, match="whole degrees"):
        event(high=round(celsius * 9 / 5 + 32, 2))


def test_strikes_follow_from_tickers_the_lower_tail_is_less() -> None:
    tickers = {market_ticker(EVENT, one): one for one in LADDER}
    assert strikes_of_tickers(tickers) == tickers
    assert strikes_of_tickers(["X-T-2", "X-B-1.5", "X-T-1"]) == {
        "X-B-1.5": Strike(StrikeType.BETWEEN, -2, -1),
        "X-T-2": Strike(StrikeType.LESS, cap=-2),
        "X-T-1": Strike(StrikeType.GREATER, -1),
    }


@pytest.mark.parametrize("tickers", [["X-B1.5", "X-T1"], ["X-T1", "X-T2", "X-T3"], ["X-FOO", "X-T1", "X-T2"]])
def test_tickers_that_mean_no_ladder_are_refused(tickers: list[str]) -> None:
    with pytest.raises(DataError):
        strikes_of_tickers(tickers)
