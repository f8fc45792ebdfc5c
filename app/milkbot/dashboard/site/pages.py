"""The public pages: what each reads of the API, and how it is drawn. A page is a plain value, the key of its answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, ClassVar, Generic, TypeVar

from milkbot import amounts
from milkbot.analytics.service.figure_schemas import DrawdownPoint
from milkbot.analytics.service.market_schemas import EventForecast, Today
from milkbot.analytics.service.schemas import DEFAULT_SPAN, SPANS, EquityPoint, Hero, PlatformStatus, Trade
from milkbot.dashboard import wording
from milkbot.dashboard.api_client import AnalyticsApi
from milkbot.dashboard.notices import Notice, late_at, notices
from milkbot.dashboard.site.charts import line_chart
from milkbot.dashboard.site.drawing import draw
from milkbot.dashboard.snapshot import Snapshot, read_snapshot
from milkbot.domain.modes import MODE_NOTES, TradingMode
from milkbot.domain.orders import Leg

CHART_HEIGHT = 300
SHOWN_TRADES = 20
ALL_DAYS = 3650
"""As many as the API is asked for at most: all there are, for ten years."""
ABOUT = "A program trades markets of daily temperatures on Kalshi, in the open."
Answers = TypeVar("Answers")


class Page(ABC, Generic[Answers]):
    """A page. `draw` with `away` shows what the API said last, under that notice."""

    path: ClassVar[str]

    @abstractmethod
    def read(self, api: AnalyticsApi) -> Answers:
        """Ask the API. Raises ApiUnavailableError."""

    @abstractmethod
    def draw(self, answers: Answers, *, now: datetime, away: Notice | None, refresh: int) -> str:
        """The markup."""


def status_values(status: PlatformStatus, away: Notice | None, now: datetime) -> dict[str, Any]:
    """What the template of the status line needs."""
    return {
        "away": away,
        "notices": (away,) if away else notices(status, now),
        "last_look": status.last_tick_finished,
        "late_at": late_at(status),
    }


@dataclass(frozen=True, slots=True)
class TradeLine:
    """A public trade in words."""

    time: datetime
    day: str
    clock: str
    ticker: str
    market: str
    celsius: str
    act: str
    money: str
    result: Decimal | None


def trade_line(trade: Trade) -> TradeLine:
    """What was traded, for how much, and what came of it."""
    strike = wording.strike_of(trade)
    made = trade.trade_time.astimezone(UTC)
    count, worth = amounts.contracts(trade.quantity), trade.quantity * trade.price
    done = "sold" if trade.action == "sell" else "bought"
    act = f"{done} {trade.side.upper()}, {count} at {amounts.cents(trade.price)}"
    if trade.side is Leg.NO and strike is not None:
        act += f": right if it is {wording.degrees(strike, Leg.NO)}"
    if trade.action == "sell":
        money = f"brought {amounts.dollars(worth)} less {amounts.dollars(trade.fees)} fee"
    else:
        money = (
            f"cost {amounts.dollars(worth)} + {amounts.dollars(trade.fees)} fee, "
            f"pays {amounts.dollars(trade.quantity)} if right"
        )
    return TradeLine(
        time=trade.trade_time,
        day=f"{made.day} {made:%b}",
        clock=f"{made:%H:%M}",
        ticker=trade.ticker,
        market=f"{wording.city_name(trade.city_code)}, {wording.day(trade.climate_day)}: " + wording.bracket(trade),
        celsius=wording.celsius(strike) if strike else "",
        act=act,
        money=money,
        result=trade.realized_pnl,
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the figures at the top."""

    name: str
    value: str
    note: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums and the deepest fall of all days so far. `since` is the first of them, None before it."""

    fees: Decimal
    markets: int
    since: date | None
    worst: DrawdownPoint | None


def read_totals(api: AnalyticsApi) -> Totals:
    """Ask the API. Raises ApiUnavailableError."""
    cities, drawdown = api.cities(ALL_DAYS).cities, api.drawdown(ALL_DAYS)
    return Totals(
        fees=sum((city.fees for city in cities), Decimal(0)),
        markets=sum(city.wins + city.losses for city in cities),
        since=drawdown.points[0].date if drawdown.points else None,
        worst=drawdown.worst,
    )


def figures(snapshot: Snapshot, totals: Totals) -> tuple[Figure, ...]:
    """The figures at the top."""
    hero, latest = snapshot.hero, snapshot.latest
    gain = fall = "no result yet"
    equity = amounts.NOTHING
    if latest:
        gain = f"{wording.signed_percent(hero.total_pnl / (latest.ending_equity - latest.cumulative_pnl))} since " + (
            wording.day(totals.since) if totals.since else "the start"
        )
        fall = f"{latest.drawdown_pct:.1f}% below its high" if latest.drawdown else "at its high"
        equity = amounts.dollars(latest.ending_equity)
    return (
        Figure("Profit and loss", amounts.signed_dollars(hero.total_pnl), gain, wording.tone(hero.total_pnl)),
        Figure("Equity", equity, f"settled results; {fall}"),
        Figure("Win rate", wording.percent(hero.win_rate), f"of {totals.markets:,} decided markets"),
        _worst(totals.worst),
        Figure("Fees", amounts.dollars(totals.fees), "paid so far, in all results"),
        Figure("Trades today", f"{hero.trades_today:,}", "since midnight UTC"),
        Figure("Active positions", f"{hero.active_positions:,}", _open_note(hero)),
    )


def _worst(deepest: DrawdownPoint | None) -> Figure:
    if deepest is None or not deepest.drawdown:
        return Figure("Worst fall", wording.percent(Decimal(0)), "never below its high")
    value = wording.signed_percent(-deepest.drawdown_pct / 100)
    return Figure("Worst fall", value, f"below its high, {wording.day(deepest.date)}", "loss")


def _open_note(hero: Hero) -> str:
    """What the open positions would bring: the equity leaves it out."""
    if not hero.active_positions:
        return "waiting for settlement"
    unpriced = f", {hero.unpriced_positions} without a buyer" if hero.unpriced_positions else ""
    return f"{amounts.signed_dollars(hero.unrealized_pnl)} if sold an hour ago{unpriced}"


def _summary(snapshot: Snapshot) -> str:
    """The page in one sentence, for what shows a link to it."""
    said = ABOUT
    if snapshot.mode is None:
        return said
    mode = MODE_NOTES[snapshot.mode]
    return f"{said} {snapshot.mode.upper()}, {mode}: {amounts.signed_dollars(snapshot.hero.total_pnl)} since the start."


def curve_values(points: Sequence[EquityPoint]) -> dict[str, Any]:
    """What the template of the curve needs; `points` may be empty."""
    if not points:
        return {"points": points, "chart": None}
    start = float(points[0].starting_equity)
    chart = line_chart([(point.date, float(point.ending_equity)) for point in points], start, CHART_HEIGHT)
    return {"points": points, "chart": chart, "height": CHART_HEIGHT, "start": points[0].starting_equity}


@dataclass(frozen=True, slots=True)
class CityCard:
    """A city on the overview: what is expected of the day that runs there, and what was measured."""

    code: str
    name: str
    lines: tuple[tuple[str, str], ...]
    positions: int


def city_cards(today: Today) -> list[CityCard]:
    """One card for each city of which there is a forecast, with the day that ends first."""
    cards = []
    for code, group in groupby(today.events, key=lambda event: event.city_code):
        events = list(group)
        first = min(event.climate_day for event in events)
        shown = [event for event in events if event.climate_day == first]
        held = sum(bracket.held_leg is not None for event in events for bracket in event.brackets)
        lines = tuple((str(event.measure), _expected(event)) for event in shown)
        cards.append(CityCard(code, wording.city_name(code), lines, held))
    return cards


def _expected(event: EventForecast) -> str:
    expected = f"{event.forecast_f:.0f} °F expected" if event.forecast_f is not None else "no forecast"
    return expected if event.observed_f is None else f"{expected}, {event.observed_f:.1f} so far"


@dataclass(frozen=True, slots=True)
class OverviewAnswers:
    """What the overview is drawn from."""

    snapshot: Snapshot
    totals: Totals
    today: Today

    @property
    def mode(self) -> TradingMode | None:
        """None before the first tick."""
        return self.snapshot.mode


@dataclass(frozen=True, slots=True)
class Overview(Page[OverviewAnswers]):
    """What `/` shows: figures, curve, trades. `span` and `city` are of the lists."""

    span: str = DEFAULT_SPAN
    city: str = ""
    path: ClassVar[str] = "/"

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Overview:
        """The page of a query. What is on no list counts as not given, so that there are no more pages than these."""
        span, city = query.get("span", ""), query.get("city", "").upper()
        return cls(
            span if span in SPANS else DEFAULT_SPAN,
            city if wording.city_of(city) else "",
        )

    def read(self, api: AnalyticsApi) -> OverviewAnswers:
        """Ask the API. Raises ApiUnavailableError."""
        shown = read_snapshot(api, self.span, self.city or None, SHOWN_TRADES)
        return OverviewAnswers(shown, read_totals(api), api.today())

    def draw(self, answers: OverviewAnswers, *, now: datetime, away: Notice | None, refresh: int) -> str:
        """The markup."""
        shown = answers.snapshot
        return draw(
            "overview",
            now=now,
            refresh=refresh,
            mode=answers.mode,
            summary=_summary(shown),
            **status_values(shown.status, away, now),
            figures=figures(shown, answers.totals),
            trades=[trade_line(trade) for trade in shown.trades],
            page=self,
            spans=list(SPANS),
            city_cards=city_cards(answers.today),
            **curve_values(shown.equity.points),
        )


def draw_nothing(mode: TradingMode | None, refresh: int, away: Notice) -> str:
    """The page when the API has said nothing yet that could be shown."""
    return _without_answers("away", mode, refresh, (away,))


def draw_missing(mode: TradingMode | None, refresh: int) -> str:
    """The page for an address that has none."""
    return _without_answers("missing", mode, refresh, ())


def _without_answers(name: str, mode: TradingMode | None, refresh: int, notices: tuple[Notice, ...]) -> str:
    now = datetime.now(UTC)
    status = {"away": now, "notices": notices, "last_look": None, "late_at": None}
    return draw(name, now=now, refresh=refresh, mode=mode, summary=ABOUT, **status)
