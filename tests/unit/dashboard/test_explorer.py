"""The explorer from the API's answers, without a browser and without a network."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest
from tests.patience import PATIENCE
from tests.unit.dashboard.conftest import Api, Clock

from milkbot.dashboard.configured import analytics
from milkbot.dashboard.curve import MEASURES
from milkbot.dashboard.explored import Filter, Views

PAGE = "from milkbot.dashboard.explore import explore; explore()"
DEFAULT = Filter("month", "Equity", "")


@pytest.fixture
def visit(api: Api) -> Callable[[], AppTest]:
    """Opens the page."""
    del api
    return lambda: AppTest.from_string(PAGE, default_timeout=PATIENCE).run()


def _markup(page: AppTest) -> str:
    assert not page.exception
    return "".join(part.proto.body for part in page.get("html"))


def test_a_visitor_sees_status_chart_and_trades(visit: Callable[[], AppTest]) -> None:
    page = visit()
    assert "DEMO" in _markup(page)
    assert "New York, Fri 20 Nov: high 60 or 61 °F" in _markup(page)
    assert page.get("vega_lite_chart") or page.get("arrow_vega_lite_chart")


def test_an_api_that_is_away_is_said(api: Api, visit: Callable[[], AppTest]) -> None:
    api.down = True
    assert "The analytics service does not answer" in _markup(visit())


def test_visitors_with_one_filter_get_one_view(api: Api) -> None:
    del api
    views = Views(analytics, fresh_seconds=5, clock=Clock())
    assert views.view(DEFAULT) is views.view(DEFAULT)
    assert views.view(DEFAULT) is not views.view(Filter("month", "Equity", "CHI"))


def test_a_view_is_drawn_again_after_its_time_with_the_same_version_where_nothing_happened(api: Api) -> None:
    clock = Clock()
    views = Views(analytics, fresh_seconds=5, clock=clock)
    first = views.view(DEFAULT)
    clock.now = 6
    same = views.view(DEFAULT)
    assert same is not first
    assert same.version == first.version
    api.trades = []
    clock.now = 12
    assert views.view(DEFAULT).version != first.version


def test_a_view_keeps_its_figures_and_says_so_when_the_api_goes_away(api: Api) -> None:
    clock = Clock()
    views = Views(analytics, fresh_seconds=5, clock=clock)
    before = views.view(DEFAULT)
    api.down = True
    clock.now = 6
    after = views.view(DEFAULT)
    assert after.trades == before.trades
    assert "does not answer</b>, last answer" in after.status
    assert after.version != before.version


@pytest.mark.parametrize("measure", MEASURES)
def test_each_measure_has_a_chart_with_all_days(api: Api, measure: str) -> None:
    api.points = [api.points[0], {**api.points[0], "date": "2026-11-20"}]
    chart = Views(analytics, fresh_seconds=5).view(Filter("month", measure, "")).chart
    assert chart is not None
    days = [row["date"] for row in chart["layer"][0]["data"]["values"]]
    # The equity begins the day before, where the account began.
    assert days[-2:] == ["2026-11-19", "2026-11-20"]
    assert len(days) == (3 if measure == "Equity" else 2)
