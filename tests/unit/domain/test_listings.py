"""What the exchange lists beside what is known: a renamed series is suggested, a stranger is never traded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.atlas import XANADU, table_with

from milkbot.domain.cities import Extreme, all_series
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.listings import Compared, ListedSeries, Standing, compare
from milkbot.settings import TRADED_SERIES

FEES = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
TODAY = ("The Weather Company", "https://weather.com/kalshi")
REPORT = "https://forecast.weather.gov/product.php?site=OKX&product=CLI&issuedby="


def listed(ticker: str, title: str, *sources: str, frequency: str = "daily") -> ListedSeries:
    return ListedSeries(ticker, title, frequency, sources or TODAY, FEES)


KNOWN = [listed(series.ticker, f"{series.extreme} in {series.city.name}") for series in all_series()]


def without(ticker: str, *more: ListedSeries) -> dict[str, Compared]:
    """What comes out when the exchange lists all that is known but one, and more."""
    offered = [series for series in KNOWN if series.ticker != ticker]
    return {row.ticker: row for row in compare([*offered, *more], TRADED_SERIES)}


def test_a_row_says_of_which_city_and_extreme_it_is_and_what_to_know() -> None:
    listed_now = without("")["KXLOWTNYC"]
    assert listed_now == Compared("KXLOWTNYC", Standing.KNOWN, "New York", Extreme.LOW, "low in New York")
    gone = "not listed, and nothing like it is"
    assert without("KXLOWTNYC")["KXLOWTNYC"] == Compared("KXLOWTNYC", Standing.GONE, "New York", Extreme.LOW, gone)
    alike = [listed(ticker, "Lowest temperature in NYC") for ticker in ("LOWNY2", "LOWNY3")]
    renamed = "not listed; by station or title it may be LOWNY2, LOWNY3 now"
    rows = without("KXLOWTNYC", *alike)
    assert rows["KXLOWTNYC"] == Compared("KXLOWTNYC", Standing.RENAMED, "New York", Extreme.LOW, renamed)
    assert (rows["LOWNY2"].city, rows["LOWNY2"].extreme) == ("New York", Extreme.LOW)


def test_what_is_known_and_listed_is_traded_or_not() -> None:
    rows = compare(KNOWN, TRADED_SERIES)
    assert {row.ticker for row in rows if row.standing is Standing.TRADED} == set(TRADED_SERIES)
    assert {row.ticker for row in rows} == {series.ticker for series in all_series()}
    assert {row.standing for row in rows} == {Standing.TRADED, Standing.KNOWN}
    assert not any(row.is_missed for row in rows)


@pytest.mark.parametrize(("ticker", "is_missed"), [("KXHIGHNY", True), ("KXHIGHTATL", False), ("KXLOWTNYC", False)])
def test_a_series_that_is_gone_is_missed_where_it_is_traded(ticker: str, *, is_missed: bool) -> None:
    row = without(ticker)[ticker]
    assert (row.standing, row.is_missed) == (Standing.GONE, is_missed)


@pytest.mark.parametrize(
    "other",
    [
        listed("HIGHNY2", "Highest temperature in the big city", "NWS", f"{REPORT}NYC"),
        listed("HIGHNY2", "Highest temperature in NYC"),
        listed("HIGHNY2", "New York Max temp Daily"),
        listed("HIGHNY2", "Max temp: New York?"),
        listed("HIGHNY2", "Highest temperature in the big city", f"{REPORT}NYC", "NWS"),
        listed("HIGHNY2", "Max temp", "Daily climate report CLINYC", ""),
    ],
    ids=["station", "code in the title", "name in the title", "name and marks", "station first", "report"],
)
def test_a_renamed_series_is_suggested_by_station_or_title(other: ListedSeries) -> None:
    rows = without("KXHIGHNY", other)
    assert (rows["KXHIGHNY"].standing, rows["KXHIGHNY"].is_missed) == (Standing.RENAMED, True)
    assert "HIGHNY2" in rows["KXHIGHNY"].detail
    assert rows["HIGHNY2"].standing is Standing.NEW
    assert "KXHIGHNY" in rows["HIGHNY2"].detail
    assert "change high in cities.toml" in rows["HIGHNY2"].detail


def test_the_station_counts_more_than_the_title() -> None:
    rows = without("KXHIGHNY", listed("X", "Highest temperature in Denver", "NWS", f"{REPORT}NYC"))
    assert "X" in rows["KXHIGHNY"].detail


@pytest.mark.parametrize(
    "other",
    [
        listed("X", "Lowest temperature in NYC"),
        listed("X", "Highest temperature in Denver"),
        listed("X", "Highest temperature in NYC", frequency="weekly"),
    ],
    ids=["the other extreme", "another city", "not daily"],
)
def test_nothing_else_is_taken_for_the_renamed_one(other: ListedSeries) -> None:
    assert without("KXHIGHNY", other)["KXHIGHNY"].standing is Standing.GONE


def test_a_second_listing_of_a_known_extreme_is_a_duplicate() -> None:
    row = without("", listed("HIGHNY", "Highest temperature in NYC", "NWS", f"{REPORT}NYC"))["HIGHNY"]
    assert (row.standing, row.city, row.extreme) == (Standing.DUPLICATE, "New York", Extreme.HIGH)
    assert "KXHIGHNY" in row.detail


def test_a_city_that_nobody_reviewed_is_new() -> None:
    row = without("", listed("KXLOWTLHR", "Lowest Temperature London"))["KXLOWTLHR"]
    assert (row.standing, row.city, row.extreme) == (Standing.NEW, "", Extreme.LOW)
    assert "never traded" in row.detail


def test_an_extreme_that_the_table_has_not_of_a_city_is_new_with_its_city(tmp_path: Path) -> None:
    with table_with(tmp_path, XANADU.replace('low = "KXLOWTXAN"\n', "")):
        row = without("", listed("KXLOWTXAN", "Lowest temperature in Xanadu"))["KXLOWTXAN"]
    assert (row.standing, row.city, row.extreme) == (Standing.NEW, "Xanadu", Extreme.LOW)
    assert "not in cities.toml" in row.detail


@pytest.mark.parametrize(
    "title",
    ["Rain in NYC", "Highest wind in NYC", "Temperature in NYC", "High and low temperature in NYC"],
)
def test_what_is_no_daily_extreme_of_temperature_is_not_shown(title: str) -> None:
    assert "X" not in without("", listed("X", title))


def test_what_wants_something_comes_first() -> None:
    offered = [series for series in KNOWN if series.ticker not in {"KXHIGHNY", "KXHIGHDEN"}]
    offered += [listed("HIGHNY2", "High temp in NYC"), listed("LHR", "High temp in London")]
    standings = [row.standing for row in compare(offered, TRADED_SERIES)]
    assert standings[:2] == [Standing.GONE, Standing.RENAMED]
    assert standings == sorted(standings, key=list(Standing).index)
