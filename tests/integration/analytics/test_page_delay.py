"""What is younger than an hour is on no page: any facts at any ages, through the real views, API and pages."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.facts import Facts, hours_ago, market
from tests.integration.analytics.pages import served
from tests.postgres import Cluster

from milkbot.analytics.rollups import run_rollups
from milkbot.dashboard.api_client import AnalyticsApi
from milkbot.dashboard.explored import Filter, Views
from milkbot.dashboard.site.city import CityPage
from milkbot.dashboard.site.pages import Overview, Page
from milkbot.dashboard.site.skill import SkillPage
from milkbot.domain.cities import cities

# A minute from the limit is left out: the test itself takes seconds.
AGES = st.one_of(st.integers(0, 58), st.integers(62, 240))
PAGES: tuple[Page[Any], ...] = (
    Overview(),
    Overview("week", "NYC"),
    Overview("year", "NYC"),
    CityPage("NYC"),
    SkillPage(),
)


def _pages(api: AnalyticsApi) -> str:
    """Everything that any page shows, by every parameter that matters here."""
    now = hours_ago(0)
    drawn = [page.draw(page.read(api), now=now, away=None, refresh=30) for page in PAGES]
    views = Views(lambda: api, fresh_seconds=0)
    drawn += [view.trades for view in (views.view(Filter("year", "Equity", city)) for city in ("", "NYC"))]
    return "\n".join(drawn)


@settings(max_examples=6)
@given(
    trades=st.lists(AGES, min_size=1, max_size=6),
    forecasts=st.lists(AGES, min_size=1, max_size=4, unique=True),
    results=st.lists(AGES, min_size=1, max_size=4),
)
def test_no_page_shows_a_trade_a_forecast_or_a_result_that_is_younger_than_an_hour(
    cluster: Cluster, trades: list[int], forecasts: list[int], results: list[int]
) -> None:
    day = next(city for city in cities() if city.code == "NYC").climate_day_at(hours_ago(1.1))
    with cluster.database() as database:
        facts = Facts(database.engine())
        facts.balance("992.10", hours_ago(30))
        for number, minutes in enumerate(trades):
            facts.fill(market("NYC", day, f"B{20 + 2 * number}.5"), hours_ago(minutes / 60), count="3")
        for number, minutes in enumerate(sorted(forecasts, reverse=True)):
            event = market("NYC", day).rsplit("-", 1)[0]
            weather = {"forecast_high_f": 70 + number}
            facts.forecast(event, hours_ago(minutes / 60), {"L60": 0.5, "T59": 0.5}, weather=weather)
        for number, minutes in enumerate(results):
            # No market of these was held.
            earlier = market("NYC", day - timedelta(days=1 + number), "T30")
            facts.result(earlier, hours_ago(minutes / 60), "yes", f"{80 + number}.00")
        facts.tick(hours_ago(0), finished=hours_ago(0), outcome="completed")
        run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal("992.10"))
        with served(database) as api:
            shown = _pages(api)
    for number, minutes in enumerate(trades):
        said = f"high {20 + 2 * number} or {21 + 2 * number} °F"
        assert (said in shown) == (minutes > 60), (said, minutes)
    oldest_first = sorted(forecasts, reverse=True)
    old = [number for number, minutes in enumerate(oldest_first) if minutes > 60]
    for number in range(len(oldest_first)):
        # The newest of those that are old enough.
        assert (f"Forecast <b>{70 + number} °F" in shown) == (old[-1:] == [number]), (number, oldest_first)
    for number, minutes in enumerate(results):
        assert (f"<td>{80 + number} °F" in shown) == (minutes > 60), (number, minutes)
