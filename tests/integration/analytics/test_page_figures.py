"""Every figure in dollars on the public pages, recomputed from `ops` by statements of the test's own, to the cent; and
what the operator's page says of positions, losses and results.

The facts are random (three seeds): purchases and sales of both legs, in parts, of markets that settled either way, are
still open, or changed within the last hour, which no public page may know of. Nothing that the platform derived is
read: no realized profit, no position, no view and no rollup. A cost is averaged here by a recursive statement over the
fills.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping, text
from tests.facts import Facts, hours_ago, market
from tests.integration.analytics.pages import served
from tests.integration.operate.conftest import running_page
from tests.postgres import Cluster, TestDatabase

from milkbot.analytics.rollups import run_rollups
from milkbot.dashboard import wording
from milkbot.dashboard.api_client import AnalyticsApi
from milkbot.dashboard.site.city import CityPage
from milkbot.dashboard.site.pages import Overview
from milkbot.domain.orders import BookSide

CITIES = ("NYC", "CHI", "MIA")
UNTRADED = "BOS"
CASH = Decimal("992.10")
STRIKES = ("L55", "B55.5", "B57.5", "T58")

# One row a public event of a market, in its order: what it brought, less what that part had cost, and its fee.
_LEDGER = """
WITH RECURSIVE facts AS (
    SELECT ticker, city_code, filled_at AS at, fee, price, CASE side WHEN 'bid' THEN count ELSE -count END AS delta,
        row_number() OVER (PARTITION BY ticker ORDER BY filled_at) AS number
    FROM ops.fills WHERE filled_at <= now() - interval '60 minutes'
), walk AS (
    SELECT ticker, city_code, number, at, fee, delta AS held,
        abs(delta) * CASE WHEN delta > 0 THEN price ELSE 1 - price END AS cost, CAST(0 AS numeric) AS gained
    FROM facts WHERE number = 1
    UNION ALL
    SELECT facts.ticker, facts.city_code, facts.number, facts.at, facts.fee, walk.held + facts.delta,
        walk.cost - closing.cost
            + opening.part * CASE WHEN facts.delta > 0 THEN facts.price ELSE 1 - facts.price END,
        closing.part * CASE WHEN walk.held > 0 THEN facts.price ELSE 1 - facts.price END
            - closing.cost
    FROM walk JOIN facts ON facts.ticker = walk.ticker AND facts.number = walk.number + 1
    CROSS JOIN LATERAL (SELECT part, CASE WHEN part > 0 THEN walk.cost * part / abs(walk.held) ELSE 0 END AS cost
        FROM (SELECT CASE WHEN walk.held * facts.delta < 0
            THEN least(abs(walk.held), abs(facts.delta)) ELSE 0 END AS part) AS closed) AS closing
    CROSS JOIN LATERAL (SELECT abs(facts.delta) - closing.part AS part) AS opening
), last AS (
    SELECT DISTINCT ON (ticker) ticker, city_code, held, cost FROM walk ORDER BY ticker, number DESC
), paid AS (
    SELECT last.ticker, last.city_code, settled.settled_at AS at,
        abs(last.held) * CASE WHEN last.held > 0 THEN settled.yes_value ELSE 1 - settled.yes_value END - last.cost
            AS gained
    FROM last JOIN ops.settlements AS settled USING (ticker)
    WHERE settled.settled_at <= now() - interval '60 minutes'
), ledger AS (
    SELECT ticker, city_code, at, COALESCE(gained, 0) - fee AS result FROM walk
    UNION ALL SELECT ticker, city_code, at, gained FROM paid
)
"""
_BY_DAY = (
    _LEDGER
    + """
SELECT day, result, sum(result) OVER (ORDER BY day) AS total
FROM (SELECT CAST(at AT TIME ZONE 'UTC' AS date) AS day, sum(result) AS result FROM ledger GROUP BY 1) AS daily
ORDER BY day
"""
)
_OPEN = (
    _LEDGER
    + """
SELECT count(*) AS held, count(*) FILTER (WHERE mark IS NULL) AS unpriced,
    COALESCE(sum(abs(last.held) * mark - last.cost), 0) AS worth
FROM last
LEFT JOIN LATERAL (
    SELECT CASE WHEN last.held > 0 THEN yes_bid ELSE 1 - yes_ask END AS mark FROM ops.market_snapshots AS book
    WHERE book.ticker = last.ticker AND captured_at <= now() - interval '60 minutes'
    ORDER BY captured_at DESC LIMIT 1) AS book ON true
WHERE last.held <> 0 AND last.ticker NOT IN (SELECT ticker FROM paid)
"""
)
_BY_MARKET = (
    _LEDGER
    + """
SELECT paid.ticker, paid.city_code, (SELECT sum(result) FROM ledger WHERE ledger.ticker = paid.ticker) AS result
FROM paid ORDER BY ticker
"""
)
# The operator's page knows what is held now, and at which price it could be sold.
_LEDGER_NOW = _LEDGER.replace("now() - interval '60 minutes'", "now()")
_HELD = (
    _LEDGER_NOW
    + """
SELECT last.ticker, CASE WHEN last.held > 0 THEN 'YES' ELSE 'NO' END AS leg, abs(last.held) AS count, last.cost, mark,
    abs(last.held) * mark - last.cost AS gain
FROM last
CROSS JOIN LATERAL (
    SELECT CASE WHEN last.held > 0 THEN yes_bid ELSE 1 - yes_ask END AS mark FROM ops.market_snapshots AS book
    WHERE book.ticker = last.ticker ORDER BY captured_at DESC LIMIT 1) AS book
WHERE last.held <> 0 AND last.ticker NOT IN (SELECT ticker FROM paid) ORDER BY ticker
"""
)
_LOST = (
    _LEDGER_NOW
    + """
SELECT greatest(-COALESCE(sum(result) FILTER (WHERE at >= date_trunc('day', now(), 'UTC')), 0), 0) AS today,
    greatest(-COALESCE(sum(result) FILTER (WHERE at >= now() - interval '7 days'), 0), 0) AS week,
    greatest(-COALESCE(sum(result) FILTER (WHERE at >= now() - interval '30 days'), 0), 0) AS month
FROM ledger
"""
)
# Fourteen climate days, an hour behind. One strategy traded.
_GAINED = (
    _LEDGER
    + """, market AS (
    SELECT DISTINCT fill.ticker, fill.climate_day, fill.city_code, placed.strategy_name AS strategy
    FROM ops.fills AS fill JOIN ops.orders AS placed ON placed.id = fill.order_id
)
SELECT CAST({key} AS text) AS name, sum(net) AS net, sum(fees) AS fees, sum(fills) AS fills
FROM market
CROSS JOIN LATERAL (SELECT sum(result) AS net FROM ledger WHERE ledger.ticker = market.ticker) AS won
CROSS JOIN LATERAL (SELECT sum(fee) AS fees, count(*) AS fills FROM ops.fills AS fill
    WHERE fill.ticker = market.ticker AND filled_at <= now() - interval '60 minutes') AS paid_for
WHERE fills > 0 AND climate_day >= CAST(now() AT TIME ZONE 'UTC' AS date) - 13 GROUP BY 1 ORDER BY {order}
"""
)
# Of the day on which the figures stand, also where another one has begun since.
_TODAY = """
SELECT count(*) FROM ops.fills
WHERE filled_at <= now() - interval '60 minutes' AND filled_at >= date_trunc('day', CAST(:at AS timestamptz), 'UTC')
"""
_FEES = "SELECT sum(fee) AS fees FROM ops.fills WHERE filled_at <= now() - interval '60 minutes'"
_FILLS = """
SELECT date_trunc('minute', filled_at) AS minute, count,
    CASE side WHEN 'bid' THEN price ELSE 1 - price END AS price, fee
FROM ops.fills AS fill WHERE filled_at <= now() - interval '60 minutes' ORDER BY filled_at DESC LIMIT 20
"""


# What the exchange said last of each market of a series that is an hour old, and whether we had traded it then.
_OFFICIAL = """
SELECT event_ticker, climate_day, array_agg(DISTINCT expiration_value) AS said,
    array_agg(result || CASE WHEN ticker IN (
        SELECT ticker FROM ops.fills WHERE filled_at <= now() - interval '60 minutes')
        THEN ', ours' ELSE ', not ours' END
        ORDER BY floor_strike NULLS FIRST) AS results
FROM (SELECT DISTINCT ON (ticker) * FROM ops.market_results WHERE recorded_at <= now() - interval '60 minutes'
      ORDER BY ticker, id DESC) AS newest
LEFT JOIN (SELECT DISTINCT ticker, floor_strike FROM ops.market_snapshots) AS book USING (ticker)
WHERE split_part(event_ticker, '-', 1) = :series GROUP BY 1, 2 ORDER BY climate_day DESC
"""


def _announce(facts: Facts, chance: random.Random, city: str, today: date) -> None:
    """How all markets of twenty days came out: some of it corrected, some of it within the hour."""
    for ago in range(1, 21):
        day, at = today - timedelta(days=ago), hours_ago(24 * ago - 1 if ago > 1 else 0.5)
        high = chance.randint(50, 62)
        for strike in STRIKES:
            ticker = market(city, day, strike)
            if chance.random() < 0.2:
                facts.result(ticker, at - timedelta(hours=1), "no", f"{high}.00")
            facts.snapshot(ticker, at - timedelta(hours=12), "0.35", "0.41")
            facts.result(ticker, at, chance.choice(("yes", "no")), f"{high}.00")
            if chance.random() < 0.2:
                facts.result(ticker, hours_ago(0.3), "no", "99.00")


def _trade(facts: Facts, chance: random.Random, ticker: str, oldest: float, newest: float) -> None:
    """Some purchases and sales of one market, both legs; the exchange's counts and prices have two decimals."""
    moments = sorted((chance.uniform(newest, oldest) for _ in range(chance.randint(1, 5))), reverse=True)
    for hours in moments:
        facts.fill(
            ticker,
            hours_ago(hours),
            side=chance.choice((BookSide.BID, BookSide.ASK)),
            count=str(chance.choice((1, 3, 7, 12))),
            price=f"0.{chance.randint(2, 97):02}",
            fee=f"0.{chance.randint(1, 30):02}",
        )


def _history(facts: Facts, chance: random.Random, today: date) -> None:
    """Twenty days that settled, and two that did not; some of it within the hour."""
    facts.balance(str(CASH), hours_ago(24 * 25))
    for ago in range(1, 21):
        for city in CITIES:
            for strike in chance.sample(STRIKES, 2):
                ticker = market(city, today - timedelta(days=ago), strike)
                _trade(facts, chance, ticker, 24 * ago + 20, 24 * ago + 2)
                settled = hours_ago(24 * ago - chance.uniform(0.0, 1.5)) if ago > 1 else hours_ago(0.5)
                facts.settle(ticker, settled, yes=chance.random() < 0.4)
    for city in CITIES:
        for ahead, strike in ((0, "B57.5"), (1, "T58"), (1, "L55")):
            ticker = market(city, today + timedelta(days=ahead), strike)
            _trade(facts, chance, ticker, 20, 1.1)
            _trade(facts, chance, ticker, 0.9, 0.1)
            quotes = chance.choice(((None, None), ("0.35", "0.41"), ("0.02", None)))
            facts.snapshot(ticker, hours_ago(1.5), *quotes)
            facts.snapshot(ticker, hours_ago(0.2), "0.88", "0.89")
    for city in (CITIES[0], UNTRADED):
        _announce(facts, chance, city, today)
    facts.tick(hours_ago(0.1), finished=hours_ago(0.1), outcome="completed")


@pytest.fixture(scope="module", params=[1, 2, 3], ids=lambda seed: f"seed {seed}")
def database(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A database with a random history, and its rollups."""
    with cluster.database() as database:
        _history(Facts(database.engine()), random.Random(request.param), hours_ago(0).date())
        run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal(1))
        yield database


@pytest.fixture
def api(database: TestDatabase) -> Iterator[AnalyticsApi]:
    """The pages' client of the real service on it."""
    with served(database) as api:
        yield api


def _rows(database: TestDatabase, statement: str, **given: object) -> list[RowMapping]:
    with database.engine().connect() as connection:
        return list(connection.execute(text(statement), given).mappings())


def _markup(page: Overview | CityPage, api: AnalyticsApi) -> str:
    answers: Any = page.read(api)
    return unescape(page.draw(answers, now=hours_ago(0), away=None, refresh=30)).replace("\N{MINUS SIGN}", "-")


def _figures(markup: str) -> dict[str, tuple[str, str]]:
    found = re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]*)</dd>\s*<dd[^>]*>([^<]*)</dd>", markup)
    return {name: (value, note) for name, value, note in found}


def _dollars(value: Decimal, *, signed: bool = False) -> str:
    # Half a cent counts as one, as on the pages.
    cents = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    sign = "-" if cents < 0 else "+" if signed and cents > 0 else ""
    return f"{sign}${abs(cents):,}"


def test_the_figures_at_the_top_are_what_the_fills_and_results_come_to(
    database: TestDatabase, api: AnalyticsApi
) -> None:
    days, (held,) = _rows(database, _BY_DAY), _rows(database, _OPEN)
    ended = [row["result"] for row in _rows(database, _BY_MARKET)]
    total, won = days[-1]["total"], sum(one > 0 for one in ended)
    shown = _figures(_markup(Overview(), api))
    assert shown["Profit and loss"][0] == _dollars(total, signed=True)
    assert shown["Equity"][0] == _dollars(CASH + total)
    decided = sum(one != 0 for one in ended)
    assert shown["Win rate"] == (f"{100 * won / decided:.1f}%", f"of {decided:,} decided markets")
    high, falls = CASH, []
    for row in days:
        high = max(high, CASH + row["total"])
        falls.append((100 * (high - CASH - row["total"]) / high, row["day"]))
    deepest, fell_on = max(falls, key=lambda fall: fall[0])
    assert shown["Worst fall"] == (f"-{deepest:.1f}%", f"below its high, {wording.day(fell_on)}")
    assert shown["Profit and loss"][1].endswith(f" since {wording.day(days[0]['day'])}")
    assert shown["Fees"][0] == _dollars(_rows(database, _FEES)[0]["fees"])
    stood_at = Overview().read(api).snapshot.hero.as_of
    assert shown["Trades today"][0] == str(_rows(database, _TODAY, at=stood_at)[0]["count"])
    assert shown["Active positions"][0] == str(held["held"])
    without = f", {held['unpriced']} without a buyer" if held["unpriced"] else ""
    assert shown["Active positions"][1] == f"{_dollars(held['worth'], signed=True)} if sold an hour ago{without}"


def test_every_day_of_the_curve_is_what_its_fills_and_results_come_to(
    database: TestDatabase, api: AnalyticsApi
) -> None:
    days = _rows(database, _BY_DAY)
    wanted, high = [], CASH
    for row in days:
        equity = CASH + row["total"]
        high = max(high, equity)
        wanted.append((_dollars(equity), _dollars(row["result"], signed=True), f"{100 * (high - equity) / high:.1f}%"))
    cells = r'<td class="n">([^<]*)</td>\s*<td class="n mb-[^"]*">([^<]*)</td>\s*<td class="n">([^<]*)</td>'
    assert re.findall(cells, _markup(Overview("year"), api)) == wanted[::-1]


def test_every_trade_of_the_list_costs_what_its_fill_did(database: TestDatabase, api: AnalyticsApi) -> None:
    found = re.findall(
        r'data-time="([^"]+)".*?(\d+) at ([\d.]+)¢.*?cost (\S+) \+ (\S+) fee, pays (\S+) if right',
        _markup(Overview(), api),
        re.DOTALL,
    )
    wanted = [
        (
            row["minute"],
            str(row["count"].quantize(Decimal(1))),
            100 * row["price"],
            _dollars(row["count"] * row["price"]),
            _dollars(row["fee"]),
            _dollars(row["count"]),
        )
        for row in _rows(database, _FILLS)
    ]
    assert [(datetime.fromisoformat(at), count, Decimal(price), *rest) for at, count, price, *rest in found] == wanted


def test_every_settled_day_of_a_city_has_the_result_of_all_its_markets(
    database: TestDatabase, api: AnalyticsApi
) -> None:
    for city in CITIES:
        by_event: dict[str, Decimal] = {}
        for row in _rows(database, _BY_MARKET):
            if row["city_code"] == city:
                event = row["ticker"].rsplit("-", 1)[0]
                by_event[event] = by_event.get(event, Decimal(0)) + row["result"]
        table = _markup(CityPage(city), api).partition('data-testid="settled"')[2]
        shown = re.findall(r'<td class="n mb-[^"]*">([^<]*)</td></tr>', table)
        assert len(by_event) >= 19
        assert sorted(shown) == sorted(_dollars(result, signed=True) for result in by_event.values())


@pytest.mark.parametrize("city", [CITIES[0], UNTRADED])
def test_every_settled_day_of_a_city_has_the_official_temperature_and_how_each_market_came_out(
    database: TestDatabase, api: AnalyticsApi, city: str
) -> None:
    series = market(city, hours_ago(0).date()).partition("-")[0]
    wanted = _rows(database, _OFFICIAL, series=series)
    table = _markup(CityPage(city), api).partition('data-testid="settled"')[2]
    shown = []
    for row in table.partition("<tbody>")[2].split("</tr>")[:-1]:
        results = re.findall(r'<li title="[^"]*">[^:]*: (?:<b>)?(yes|no)(?:</b>)?,\s*(ours|not ours)', row)
        official = re.search(r"<td>(\d+) °F", row)
        shown.append(([", ".join(one) for one in results], official and official[1]))
    assert len(wanted) >= 19
    assert [one for one in shown if one[0]] == [(row["results"], row["said"][0][:-3]) for row in wanted]


def _table(markup: str, heading: str) -> list[tuple[str, ...]]:
    """The cells of the first table under a heading."""
    found = re.search(rf"<h2>{heading}</h2>.*?<tbody>(.*?)</tbody>", markup, re.DOTALL)
    assert found, f"nothing under {heading}"
    rows = re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL)
    return [tuple(re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)) for row in rows]


def test_the_operators_page_has_what_the_fills_come_to_now_and_an_hour_behind(
    database: TestDatabase, tmp_path: Path
) -> None:
    with running_page(database, {"BANKROLL": "1000"}, tmp_path) as page:
        markup = unescape(page.get().text).replace("\N{MINUS SIGN}", "-")
    held = _rows(database, _HELD)
    assert held
    assert sorted(_table(markup, "Positions")) == [
        (
            row["ticker"],
            row["leg"],
            f"{row['count']:.0f}",
            _dollars(row["cost"]),
            f"{100 * row['mark']:.0f}¢",
            _dollars(row["gain"], signed=True),
            _dollars(-row["cost"]),
        )
        for row in held
    ]
    (lost,) = _rows(database, _LOST)
    used = {name: of for name, of, *_ in _table(markup, "Risk")}
    assert {name: used[name] for name in used if "lost" in name or "open" in name} == {
        "everything open": _dollars(sum((row["cost"] for row in held), Decimal(0))),
        "lost today (UTC)": _dollars(lost["today"]),
        "lost in 7 days": _dollars(lost["week"]),
        "lost in 30 days": _dollars(lost["month"]),
    }
    marked = _dollars(sum((row["gain"] for row in held), Decimal(0)), signed=True)
    assert f"last seen: {marked} before fees" in markup
    for what, key, order in (
        ("climate day", "climate_day", "name DESC"),
        ("city", "city_code", "net"),
        ("strategy", "strategy", "net"),
    ):
        gained = _rows(database, _GAINED.format(key=key, order=order))
        assert gained
        assert _table(markup, f"Won and lost by {what}") == [
            (row["name"], _dollars(row["net"], signed=True), _dollars(row["fees"]), str(row["fills"])) for row in gained
        ]
