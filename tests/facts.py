"""Facts for tests, written through the models as the trader writes them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from milkbot.db import ledger
from milkbot.db.forecast_tables import ForecastRow, MarketResultRow
from milkbot.db.ops import (
    BalanceSnapshot,
    FillRow,
    MarketSnapshot,
    Order,
    RollupTouched,
    SettlementRow,
    Signal,
    Tick,
    WeatherSnapshot,
)
from milkbot.domain.cities import all_series, series_of
from milkbot.domain.markets import event_ticker
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide, OrderState
from milkbot.domain.positions import Fill, Position, fold
from milkbot.domain.units import ZERO, Cash, Count, Price

STRATEGY = "normal_brackets"


@dataclass(slots=True)
class Facts:
    """Writes facts of one mode, each with the keys that it touches, one transaction a call."""

    engine: Engine
    mode: str = "demo"
    prefix: str = ""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def tick(self, at: datetime, *, finished: datetime | None = None, outcome: str | None = None) -> int:
        """A tick's report row; `finished` None is one that still runs or was killed."""
        with Session(self.engine) as session, session.begin():
            tick = Tick(
                trading_mode=self.mode,
                started_at=at,
                finished_at=finished,
                outcome=outcome,
                message=None,
                release="dev",
                config_hash="0" * 12,
                counts={},
            )
            session.add(tick)
            session.flush()
            return tick.id

    def balance(self, cash: str, at: datetime) -> None:
        """The account's cash as a tick read it."""
        tick_id = self.tick(at, finished=at, outcome="ok")
        with Session(self.engine) as session, session.begin():
            session.add(
                BalanceSnapshot(
                    trading_mode=self.mode,
                    tick_id=tick_id,
                    captured_at=at,
                    cash=Decimal(cash),
                    portfolio_value=Decimal(0),
                )
            )

    def signal(self, city: str, day: date, at: datetime, *, edge: str | None, count: int = 0) -> None:
        """A decision for one market; a count of zero is one that was not traded."""
        tick_id = self.tick(at, finished=at, outcome="ok")
        ticker = market(city, day)
        with Session(self.engine) as session, session.begin():
            session.add(
                Signal(
                    trading_mode=self.mode,
                    tick_id=tick_id,
                    ticker=ticker,
                    event_ticker=ticker.rsplit("-", 1)[0],
                    city_code=city,
                    climate_day=day,
                    strategy_name=STRATEGY,
                    decision="buy_yes" if count else "none",
                    edge=None if edge is None else Decimal(edge),
                    count=Decimal(count),
                    reasons={},
                    created_at=at,
                )
            )
            self._touch(session, day, "strategy", STRATEGY)

    def snapshot(self, ticker: str, at: datetime, bid: str | None, ask: str | None) -> None:
        """The top of a market's order book as a tick of that moment read it; None is an empty side."""
        tick_id = self.tick(at, finished=at, outcome="completed")
        city, _ = place(ticker)
        with Session(self.engine) as session, session.begin():
            session.add(
                MarketSnapshot(
                    trading_mode=self.mode,
                    tick_id=tick_id,
                    ticker=ticker,
                    event_ticker=ticker.rsplit("-", 1)[0],
                    city_code=city,
                    captured_at=at,
                    status="active",
                    **strike_columns(ticker.rsplit("-", 1)[-1]),
                    close_time=at + timedelta(hours=9),
                    yes_bid=None if bid is None else Decimal(bid),
                    yes_ask=None if ask is None else Decimal(ask),
                )
            )

    def fill(
        self,
        ticker: str,
        at: datetime,
        *,
        side: BookSide = BookSide.BID,
        count: str = "10",
        price: str = "0.40",
        fee: str = "0.17",
        strategy: str = STRATEGY,
        reduce_only: bool = False,
        recorded_at: datetime | None = None,
    ) -> None:
        """One execution with its filled order. What it closes is realized, as the fold of the market's fills says."""
        city, day = place(ticker)
        number = next(self._numbers)
        with Session(self.engine) as session, session.begin():
            order = Order(
                trading_mode=self.mode,
                client_order_id=f"{self.prefix}mb-{number}",
                venue_order_id=f"{self.prefix}order-{number}",
                ticker=ticker,
                event_ticker=ticker.rsplit("-", 1)[0],
                city_code=city,
                climate_day=day,
                strategy_name=strategy,
                side=side,
                price=Decimal(price),
                count=Decimal(count),
                time_in_force="good_till_canceled",
                exchange_index=0,
                attempt=1,
                state=OrderState.PENDING,
                created_at=at,
                updated_at=at,
                reduce_only=reduce_only,
            )
            session.add(order)
            session.flush()
            order.state = OrderState.FILLED
            fill = Fill(
                fill_id=f"{self.prefix}fill-{number}",
                order_id=f"{self.prefix}order-{number}",
                ticker=ticker,
                side=side,
                count=Count(Decimal(count)),
                price=Price(Decimal(price)),
                fee=Cash(Decimal(fee)),
                is_taker=True,
                filled_at=at,
            )
            before = fold(ticker, self._fills(session, ticker))
            after = before.after(fill)
            session.add(
                FillRow(
                    trading_mode=self.mode,
                    venue_fill_id=fill.fill_id,
                    venue_order_id=fill.order_id,
                    order_id=order.id,
                    ticker=ticker,
                    event_ticker=order.event_ticker,
                    city_code=city,
                    climate_day=day,
                    side=side,
                    count=fill.count,
                    price=fill.price,
                    fee=fill.fee,
                    realized_pnl=after.realized - before.realized,
                    is_taker=True,
                    filled_at=at,
                    recorded_at=recorded_at or at,
                )
            )
            self._keep_position(session, after, at)
            self._touch(session, day, "city", city)
            self._touch(session, day, "strategy", strategy)
            self._touch(session, at.astimezone(UTC).date(), "equity", "")

    def settle(self, ticker: str, at: datetime, *, yes: bool) -> None:
        """The exchange's result for a market that we held, paid on the fold of its fills."""
        city, day = place(ticker)
        value = Price(Decimal(1 if yes else 0))
        with Session(self.engine) as session, session.begin():
            position = fold(ticker, self._fills(session, ticker))
            ledger.close_position(session, TradingMode(self.mode), ticker, at=at)
            realized = position.settled(value) if position.signed_count else Cash(Decimal(0))
            session.add(
                SettlementRow(
                    trading_mode=self.mode,
                    ticker=ticker,
                    event_ticker=ticker.rsplit("-", 1)[0],
                    city_code=city,
                    climate_day=day,
                    result="yes" if yes else "no",
                    yes_value=value,
                    signed_count=position.signed_count,
                    cost=position.cost,
                    revenue=realized + position.cost,
                    realized_pnl=realized,
                    settled_at=at,
                    recorded_at=at,
                )
            )
            self._touch(session, day, "city", city)
            names = session.scalars(
                select(Order.strategy_name).where(Order.trading_mode == self.mode, Order.ticker == ticker).distinct()
            )
            for name in names:
                self._touch(session, day, "strategy", name)
            self._touch(session, at.astimezone(UTC).date(), "equity", "")

    def forecast(
        self,
        event: str,
        at: datetime,
        chances: Mapping[str, float] | None,
        *,
        is_live: bool = True,
        reason: str = "forecast_stale",
        weather: Mapping[str, float] | None = None,
        quotes: Mapping[str, tuple[Decimal | None, Decimal | None]] | None = None,
    ) -> None:
        """What a forecaster said of an event's brackets, by the strikes of their tickers, each at a mid of 40 cents
        unless its best bid and ask are given; None is no forecast, of one bracket.
        """
        usual = (Decimal("0.38"), Decimal("0.42"))
        tick_id = self.tick(at, finished=at, outcome="completed")
        city, day = place(f"{event}-X")
        common = {"trading_mode": self.mode, "tick_id": tick_id, "city_code": city}
        with Session(self.engine) as session, session.begin():
            seen = WeatherSnapshot(**common, climate_day=day, captured_at=at, source="NWS", **(weather or {}))
            books = [
                MarketSnapshot(
                    **common,
                    **strike_columns(strike),
                    ticker=f"{event}-{strike}",
                    event_ticker=event,
                    captured_at=at,
                    status="active",
                    close_time=at + timedelta(hours=9),
                    yes_bid=bid,
                    yes_ask=ask,
                )
                for strike in chances or ("B60.5",)
                for bid, ask in [(quotes or {}).get(strike, usual)]
            ]
            session.add_all([seen, *books])
            session.flush()
            session.add(
                ForecastRow(
                    trading_mode=self.mode,
                    tick_id=tick_id,
                    event_ticker=event,
                    climate_day=day,
                    forecaster="normal",
                    is_live=is_live,
                    version="1",
                    parameters_hash="0" * 12,
                    as_of=at,
                    lead_s=3600,
                    probabilities=None if chances is None else list(chances.values()),
                    reason=reason if chances is None else None,
                    elapsed_ms=0.1,
                    weather_snapshot_id=seen.id,
                    market_snapshot_ids=[book.id for book in books],
                )
            )

    def result(self, ticker: str, at: datetime, result: str, degrees: str) -> None:
        """The exchange's word on a market, held or not."""
        with Session(self.engine) as session, session.begin():
            session.add(
                MarketResultRow(
                    trading_mode=self.mode,
                    ticker=ticker,
                    event_ticker=ticker.rsplit("-", 1)[0],
                    climate_day=place(ticker)[1],
                    result=result,
                    expiration_value=degrees,
                    settled_at=at,
                    recorded_at=at,
                )
            )

    def _keep_position(self, session: Session, position: Position, at: datetime) -> None:
        city, day = place(position.ticker)
        values = {
            "trading_mode": self.mode,
            "ticker": position.ticker,
            "event_ticker": position.ticker.rsplit("-", 1)[0],
            "city_code": city,
            "climate_day": day,
            "signed_count": position.signed_count,
            "cost": position.cost,
            "fees": position.fees,
            "realized_pnl": position.realized,
            "is_closed": position.signed_count == ZERO,
            "opened_at": at,
            "updated_at": at,
        }
        ledger.save_position(session, values)

    def _fills(self, session: Session, ticker: str) -> list[Fill]:
        rows = session.scalars(
            select(FillRow)
            .where(FillRow.trading_mode == self.mode, FillRow.ticker == ticker)
            .order_by(FillRow.filled_at, FillRow.id)
        )
        return [
            Fill(
                fill_id=row.venue_fill_id,
                order_id=row.venue_order_id,
                ticker=row.ticker,
                side=BookSide(row.side),
                count=Count(row.count),
                price=Price(row.price),
                fee=Cash(row.fee),
                is_taker=row.is_taker,
                filled_at=row.filled_at,
            )
            for row in rows
        ]

    def _touch(self, session: Session, day: date, bucket: str, key: str) -> None:
        session.add(RollupTouched(trading_mode=self.mode, bucket=bucket, key=key, day=day))


def market(city: str, day: date, strike: str = "B60.5") -> str:
    """The ticker of a city's bracket on a climate day."""
    series = next(series.ticker for series in all_series() if series.city.code == city)
    return f"{event_ticker(series, day)}-{strike}"


def strike_columns(strike: str) -> dict[str, object]:
    """B60.5 is 60 or 61 degrees, T70 above 70, L50 below 50."""
    if strike.startswith("B"):
        floor = int(float(strike[1:]) - 0.5)
        return {"strike_type": "between", "floor_strike": floor, "cap_strike": floor + 1}
    edge = int(strike[1:])
    if strike.startswith("T"):
        return {"strike_type": "greater", "floor_strike": edge, "cap_strike": None}
    return {"strike_type": "less", "floor_strike": None, "cap_strike": edge}


def place(ticker: str) -> tuple[str, date]:
    """The city and the climate day of a ticker."""
    series, day, _ = ticker.split("-")
    code = series_of(series).city.code
    return code, datetime.strptime(day.title(), "%y%b%d").replace(tzinfo=UTC).date()


def hours_ago(hours: float) -> datetime:
    """A moment in the past, by the wall clock: the public view's delay is measured by the database's."""
    return datetime.now(UTC) - timedelta(hours=hours)
