"""A misread climate report raises a false alarm about a settlement, or hides a true one."""

from __future__ import annotations

from datetime import date

import pytest

from milkbot.weather.climate_report import ClimateReport, parse_climate_reports

REPORT = """CLIDEN

...THE DENVER CO CLIMATE SUMMARY FOR JANUARY 12 2026...

TEMPERATURE (F)
 YESTERDAY
  MAXIMUM    {high}   1:10 PM  70
  MINIMUM    {low}   7:02 AM -20

PRECIPITATION (IN)
  MAXIMUM     99
$$
"""


@pytest.mark.parametrize(
    ("high", "low", "expected"),
    [("31", "-4", (31, -4)), ("-1", "-12", (-1, -12)), ("70R", "12", (70, 12)), ("MM", "12", (None, 12))],
    ids=["usual", "below-zero", "record", "missing"],
)
def test_each_form_of_a_temperature_is_read(high: str, low: str, expected: tuple[int | None, int]) -> None:
    (found,) = parse_climate_reports(REPORT.format(high=high, low=low))
    assert found == ClimateReport("CLIDEN", date(2026, 1, 12), *expected, preliminary=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PRODUCT NOT FOUND",
        REPORT.format(high="31", low="4").replace("SUMMARY FOR", "SUMMARY OF"),
        REPORT.format(high="31", low="4").replace("TEMPERATURE (F)", "WIND (MPH)"),
        REPORT.format(high="SNOW", low="4"),
    ],
    ids=["empty", "no-report", "no-day", "no-temperatures", "no-number"],
)
def test_an_incomplete_report_is_an_error_and_gives_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="climate report"):
        parse_climate_reports(text)
