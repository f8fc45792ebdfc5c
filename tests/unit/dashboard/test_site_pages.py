"""The pages of a city and of the scores from the API's answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.unit.dashboard.conftest import AS_OF, BINS, EVENT, LOWER, MARKET, RESULT, SKILL, STRIKE, Api, plain

SETTLED = 'data-testid="settled"'


def _rows(markup: str, table: str) -> list[str]:
    """The rows of a table's body, as they are read."""
    body = markup.partition(table)[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [plain(row) for row in body.split("</tr>") if row.strip()]


def test_a_city_shows_both_chances_and_what_is_held(site: TestClient) -> None:
    shown = site.get("/city/NYC").text
    assert "High of Fri 20 Nov (EST)" in shown
    assert "Forecast 61 °F (as of 10:46 EST), measured so far 60.1 °F ; the day ends at 00:00 EST." in plain(shown)
    assert _rows(shown, "mb-brackets") == [
        "59 °F or less no longer possible <1 % 12 % —",
        "60 or 61 °F 46 % 56 % YES 110",
        "62 °F or more 54 % 32 % —",
    ]


@pytest.mark.parametrize(
    ("measure", "observed", "passed"), [("high", 60.1, [0]), ("low", 60.1, [2]), ("high", None, [])]
)
def test_only_brackets_that_a_measurement_has_passed_are_struck_out(
    api: Api, site: TestClient, measure: str, observed: float | None, passed: list[int]
) -> None:
    api.events = [{**EVENT, "measure": measure, "observed_f": observed}]
    rows = _rows(site.get("/city/NYC").text, "mb-brackets")
    assert [number for number, row in enumerate(rows) if "no longer possible" in row] == passed


def test_an_event_without_chances_says_so(api: Api, site: TestClient) -> None:
    brackets = [{**bracket, "probability": None} for bracket in EVENT["brackets"]]
    api.events = [{**EVENT, "reason": "forecast_stale", "brackets": brackets}]
    shown = plain(site.get("/city/NYC").text)
    assert "The forecaster gave no chances for this day." in shown
    assert "forecast_stale" not in shown


def test_the_trades_of_a_settled_day_are_one_row(api: Api, site: TestClient) -> None:
    lost = {"ticker": "KXHIGHNY-26NOV19-T60", **LOWER, "result": "no", "realized_pnl": "-10.00", "trades": 1}
    api.markets = [MARKET, {**MARKET, **lost}, {**MARKET, "event_ticker": "KXHIGHNY-26NOV20", "result": None}]
    assert _rows(site.get("/city/NYC").text, SETTLED) == [
        (
            "Thu 19 Nov, high 3 trades; held YES 10 of high 62 °F or more; YES 10 of high 59 °F or less "
            "62 °F right: high 62 °F or more \N{MINUS SIGN}$1.28"
        )
    ]


NO = {"result": "no"}
ALL_OF_A_DAY: list[dict[str, Any]] = [
    {**RESULT, "ticker": "KXHIGHNY-26NOV19-B60.5", **STRIKE, **NO},
    {**RESULT, "ticker": "KXHIGHNY-26NOV19-T60", **LOWER, **NO},
    RESULT,
]
BEFORE: dict[str, Any] = {**RESULT, "event_ticker": "KXHIGHNY-26NOV18", "climate_day": "2026-11-18"}


def test_every_market_of_a_settled_day_is_shown_and_whether_it_was_traded(api: Api, site: TestClient) -> None:
    api.results = ALL_OF_A_DAY
    (row,) = _rows(site.get("/city/NYC").text, SETTLED)
    wanted = "59 °F or less: no, not ours 60 or 61 °F: no, not ours 62 °F or more: yes, ours, YES 10"
    assert f"How each market came out {wanted}" in row.replace(" ,", ",")


def test_a_settled_day_names_its_report_and_when_it_settled(api: Api, site: TestClient) -> None:
    api.results = [RESULT]
    (row,) = _rows(site.get("/city/NYC").text, SETTLED)
    assert "62 °F right: high 62 °F or more by report CLINYC, settled 20 Nov, 12:00 UTC" in row
    assert "Corrected" not in row


def test_a_day_that_was_not_traded_is_shown_as_not_traded(api: Api, site: TestClient) -> None:
    api.results = [*ALL_OF_A_DAY, BEFORE]
    shown = _rows(site.get("/city/NYC").text, SETTLED)
    assert [row[:17] for row in shown] == ["Thu 19 Nov, high ", "Wed 18 Nov, high "]
    assert [row.endswith("not traded") for row in shown] == [False, True]


def test_a_held_market_that_is_not_paid_yet_has_no_profit_or_loss(api: Api, site: TestClient) -> None:
    api.results, api.markets = ALL_OF_A_DAY, [{**MARKET, "result": None, "is_open": True}]
    (row,) = _rows(site.get("/city/NYC").text, SETTLED)
    assert row.endswith("not paid yet")


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ({"first_result": "yes", "first_official_value": "61.00"}, "61 °F"),
        ({"first_result": "no", "first_official_value": "62.00"}, "62 °F or more: no"),
    ],
)
def test_a_correction_says_what_had_been_said_before(
    api: Api, site: TestClient, first: dict[str, Any], said: str
) -> None:
    api.results = [{**RESULT, **first, "corrected_at": AS_OF}]
    (row,) = _rows(site.get("/city/NYC").text, SETTLED)
    assert re.search(rf"Corrected 20 Nov, 12:00 UTC \([^)]*\) , before: {said} ", row)


def test_what_another_page_of_results_may_hold_is_not_shown_in_part(api: Api, site: TestClient) -> None:
    api.results, api.markets, api.next_cursor = [*ALL_OF_A_DAY, BEFORE], [], "20261118-KXHIGHNY-26NOV18-T61"
    assert len(_rows(site.get("/city/NYC").text, SETTLED)) == 1


def test_a_day_older_than_the_trades_that_were_read_is_not_called_untraded(api: Api, site: TestClient) -> None:
    older = {**BEFORE, "event_ticker": "KXHIGHNY-26NOV17", "climate_day": "2026-11-17"}
    api.results, api.next_cursor = [*ALL_OF_A_DAY, BEFORE, older], "20261119-KXHIGHNY-26NOV19-T61"
    assert [row[:10] for row in _rows(site.get("/city/NYC").text, SETTLED)] == ["Thu 19 Nov"]


def test_a_city_without_anything_says_so(api: Api, site: TestClient) -> None:
    api.events, api.markets = [], []
    shown = plain(site.get("/city/chi").text)
    assert "No forecast of Chicago to show" in shown
    assert "No settled day yet" in shown


def test_a_city_that_is_not_traded_is_no_page(api: Api, site: TestClient) -> None:
    answer = site.get("/city/XYZ")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "Running" not in answer.text
    assert api.asked == []


def test_the_page_for_no_page_is_made_once_however_many_ask(site: TestClient) -> None:
    assert len({site.get(f"/city/X{number}").content for number in range(5)}) == 1


@pytest.mark.parametrize("path", ["/city/NYC", "/skill"])
def test_each_page_says_faults_and_the_mode(api: Api, site: TestClient, path: str) -> None:
    api.status["trading_state"] = "halted"
    shown = plain(site.get(path).text)
    assert "DEMO no real money" in shown
    assert "Trading is halted" in shown


def test_scores_are_shown_with_the_markets_and_their_number(site: TestClient) -> None:
    shown = site.get("/skill").text
    assert _rows(shown, 'data-testid="scores"') == [
        "10:00 of the day better in these days 412 0.1012 \N{MINUS SIGN}0.0019 0.1031 0.310 \N{MINUS SIGN}0.010 0.320"
    ]
    assert "Unproven: the days so far do not show" in plain(shown)
    assert "read from 30 scored days" in plain(shown)
    assert "That is a fine result: no trade loses nothing" in plain(shown)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"events": 99}, "n < 100: says nothing yet"),
        ({"brier_difference": 0.1, "log_difference": 0.1}, "worse in these days"),
        ({"brier_difference": 0.1}, "better by one score, worse by the other"),
        ({"brier_difference": 0, "log_difference": 0}, "the same as the market"),
    ],
)
def test_scores_are_judged_in_words(api: Api, site: TestClient, change: dict[str, Any], verdict: str) -> None:
    api.skill = [{**SKILL, **change}]
    assert verdict in plain(site.get("/skill").text)


@pytest.mark.parametrize("standing", ["unproven", "better", "worse"])
def test_each_standing_is_said_in_words(api: Api, site: TestClient, standing: str) -> None:
    api.skill = [{**SKILL, "standing": standing}]
    assert f"<b>{standing.capitalize()}" in site.get("/skill").text


def test_a_platform_without_scores_says_so(api: Api, site: TestClient) -> None:
    api.skill, api.bins = [], []
    shown = site.get("/skill").text
    assert "There is no score yet" in shown
    assert "There is no calibration curve yet" in shown
    assert 'data-testid="calibration' not in shown


def test_scores_by_city_are_those_of_their_forecaster(api: Api, site: TestClient) -> None:
    of_city = {name: value for name, value in SKILL.items() if name not in {"standing", "evidence_days"}}
    of_city |= {"city_code": "NYC", "city_name": "New York", "events": 99}
    api.cities = [of_city, {**of_city, "version": "1"}]
    assert _rows(site.get("/skill").text, 'data-testid="city-scores"') == [
        "New York n < 100: says nothing yet 99 0.1012 \N{MINUS SIGN}0.0019 0.1031"
    ]


def test_the_curve_is_what_was_said_against_what_happened_next_to_the_markets(site: TestClient) -> None:
    shown = site.get("/skill").text
    drawing = shown.partition('data-testid="calibration"')[2].partition("</svg>")[0]
    assert re.findall(r'<path class="line" d="([^"]*)"', drawing) == ["M40 392L340 304"]
    assert re.findall(r'<path class="market" d="([^"]*)"', drawing) == ["M50 384"]
    assert _rows(shown, 'data-testid="calibration-table"') == [
        "0 to 10 % 4 % n 300 2 % 5 % n 280 4 %",
        "30 to 40 % 34 % n 100 24 % 33 % n 9 56 %",
        "90 to 100 % — n 0 — 95 % n 1 100 %",
    ]
    assert 'aria-label="What anchored 2 and the market said against what happened' in shown


def test_a_tenth_of_few_chances_is_in_the_table_alone(api: Api, site: TestClient) -> None:
    api.bins = [BINS[2]]
    shown = site.get("/skill").text
    assert "There is too little for a curve yet" in shown
    assert len(_rows(shown, 'data-testid="calibration-table"')) == 1


def test_scores_are_shown_while_the_api_has_no_curve(api: Api, site: TestClient) -> None:
    api.refused["/v1/forecast/reliability"] = 404
    shown = site.get("/skill").text
    assert "0.1012" in shown
    assert "There is no calibration curve yet" in shown


def test_a_city_is_shown_while_the_api_has_no_results(api: Api, site: TestClient) -> None:
    api.refused["/v1/results/recent"] = 404
    assert len(_rows(site.get("/city/NYC").text, SETTLED)) == 1


@pytest.mark.parametrize(
    ("page", "path"), [("/city/NYC", "/v1/results/recent"), ("/skill", "/v1/forecast/reliability")]
)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_the_api_fails_to_give_is_never_shown_as_not_there(
    api: Api, site: TestClient, page: str, path: str, status: int
) -> None:
    api.refused[path] = status
    assert site.get(page).status_code == 503


def test_the_pages_read_public_endpoints_alone(api: Api, site: TestClient) -> None:
    for path in ("/", "/city/NYC", "/skill"):
        site.get(path)
    assert set(api.asked) == {
        "/v1/metrics/hero",
        "/v1/performance/equity",
        "/v1/status",
        "/v1/trades/recent",
        "/v1/forecast/today",
        "/v1/forecast/reliability",
        "/v1/forecast/skill",
        "/v1/markets/recent",
        "/v1/results/recent",
        "/v1/metrics/cities",
        "/v1/performance/drawdown",
    }
