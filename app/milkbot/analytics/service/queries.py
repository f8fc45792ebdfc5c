"""Reads of schema `analytics`, the only one that the service's role may read."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import takewhile
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, RowMapping, TextClause, text

from milkbot.analytics.service.cursors import MOST_SHOWN, TradesCursor
from milkbot.analytics.service.listed import STRIKING, Listed, as_lines, code, decimal, json_row, moment, words
from milkbot.analytics.service.schemas import (
    Hero,
    PlatformStatus,
    Trade,
    Trades,
)
from milkbot.db.session import Bind, reading
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ZERO
from milkbot.limits import limits_path, read_limits

DELAY = timedelta(minutes=60)
DELAY_MINUTES = DELAY // timedelta(minutes=1)

_NEWEST = text(
    """
    SELECT date_trunc('minute', now()) AS now, newest.mode,
        (SELECT min(date) FROM analytics.equity_curve_daily WHERE trading_mode = newest.mode) AS curve_begins
    FROM (SELECT (SELECT trading_mode FROM analytics.v_platform_status ORDER BY last_tick_started DESC LIMIT 1)
         ) AS newest (mode)
    """
)


@dataclass(frozen=True, slots=True)
class Newest:
    """What nearly every answer needs, and is the same for all of a second: what is an hour old now, to the minute, the
    UTC day, the mode that ticked last, None before the first tick, and the first day of its equity curve.
    """

    as_of: datetime
    today: date
    mode: Any
    curve_begins: date | None


_SAME_SECONDS: Final = 1.0
_newest: WeakKeyDictionary[Engine, tuple[float, Newest]] = WeakKeyDictionary()

# A span of `days`, today included, is at most a month of days, and the months after it, whose sums are kept.
FIRST_DAY = "CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS integer) + 1"
FIRST_MONTH = f"CAST(date_trunc('month', {FIRST_DAY} - interval '1 day') + interval '1 month' AS date)"

# Kept by the rollups.
_HERO = text(
    """
    SELECT as_of, total_pnl, unrealized_pnl, unpriced_positions, win_count AS wins, loss_count AS losses,
        trades_today, active_positions
    FROM analytics.hero_figures WHERE trading_mode = :mode
    """
)

MOST_ROWS = 100
"""Of a page. Written into the statements: a plan for any limit up to it is made once and kept."""
# The view shows every trade as what its order buys, as the release before knows it. A sale of a leg buys the other one.
# The view sorts: to sort here would have it planned for all trades ever.
_DECIMALS = ("quantity", "price", "fees", "total_cost", "realized_pnl", "markout_5m", "markout_30m")
_TRADE = {
    **STRIKING,
    "city_code": code("city_code"),
    "climate_day": code("climate_day"),
    "side": code("side"),
    "action": code("action"),
    "trade_time": moment("trade_time"),
    "strategy_name": words("strategy_name"),
    **{name: decimal(name) for name in _DECIMALS},
}
_TRADES = f"""
SELECT {json_row({name: _TRADE[name] for name in Trade.model_fields})}
FROM (
    SELECT ticker, city_code, climate_day,
        CASE WHEN NOT reduces THEN side WHEN side = 'yes' THEN 'no' ELSE 'yes' END AS side,
        CASE WHEN reduces THEN 'sell' ELSE action END AS action, quantity,
        CASE WHEN reduces THEN 1 - price ELSE price END AS price, fees,
        CASE WHEN reduces THEN total_cost - quantity ELSE total_cost END AS total_cost, realized_pnl, trade_time,
        strategy_name, markout_5m, markout_30m, strike_type, floor_strike, cap_strike
    FROM analytics.v_public_trades
    WHERE trading_mode = :mode%(city)s%(until)s LIMIT %(most)s
) AS trade LIMIT :limit OFFSET :shown
"""  # noqa: S608 - the only things put in are constants of ours

# Read together, so that the health check is one round trip.
_STATUS = text(
    """
    SELECT now() AS now, status.last_tick_started, status.last_tick_finished, status.trading_mode AS mode,
        CASE WHEN status.trading_state_until <= now() THEN 'active' ELSE status.trading_state END AS trading_state,
        status.trading_state_until, status.trading_state_since, status.trading_state_code,
        (SELECT recorded_at FROM analytics.v_current_health WHERE component_name = 'rollups') AS last_rollup
    FROM (SELECT) AS always
    LEFT JOIN (SELECT * FROM analytics.v_platform_status ORDER BY last_tick_started DESC LIMIT 1) AS status ON true
    """
)


def read_status(bind: Bind) -> dict[str, Any]:
    """now, the newest tick's mode and times, trading_state with its code and times, and last_rollup; all but the first
    are None before they happened.
    """
    with reading(bind) as connection:
        return dict(connection.execute(_STATUS).mappings().one())


def read_platform(bind: Bind) -> PlatformStatus:
    """The same for the public, with the limits of this host from which on something is late."""
    row = read_status(bind)
    limits = read_limits(limits_path()) or {}
    is_held = row["trading_state"] not in {None, TradingState.ACTIVE}
    return PlatformStatus(
        mode=row["mode"],
        trading_state=row["trading_state"],
        trading_state_code=row["trading_state_code"] if is_held else None,
        trading_state_since=row["trading_state_since"] if is_held else None,
        trading_state_until=row["trading_state_until"] if is_held else None,
        last_tick_started=row["last_tick_started"],
        last_tick_finished=row["last_tick_finished"],
        last_rollup=row["last_rollup"],
        tick_late_seconds=limits.get("tick_late_seconds"),
        rollup_late_seconds=limits.get("rollup_late_seconds"),
        delay_minutes=DELAY_MINUTES,
    )


def read_hero(bind: Bind) -> Hero:
    """The figures of the mode that ticked last."""
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        row = connection.execute(_HERO, {"mode": mode}).mappings().one_or_none()
    if row is None:
        return Hero(
            mode=mode,
            total_pnl=ZERO,
            unrealized_pnl=ZERO,
            unpriced_positions=0,
            win_rate=None,
            trades_today=0,
            active_positions=0,
            as_of=as_of,
        )
    return Hero.model_validate({**row, "mode": mode, "win_rate": win_rate(row)})


def win_rate(row: RowMapping) -> Decimal | None:
    """What of the decided markets was won, by the sums `wins` and `losses`; None before the first."""
    decided = (row["wins"] or 0) + (row["losses"] or 0)
    return (Decimal(row["wins"]) / decided).quantize(Decimal("0.0001")) if decided else None


def read_trades(bind: Bind, limit: int, city: str | None, after: TradesCursor | None = None) -> Listed:
    """The newest public trades, of one city or of all, or those that follow a page."""
    keys: dict[str, object] = {"city": city, "limit": limit + 1, "shown": after.shown if after else 0}
    if after:
        keys["until"] = after.minute
    as_of, mode, found = read_list(bind, _trades(of_city=city is not None, follows=after is not None), keys)
    trades = found[:limit]
    following = str(_cursor_after(trades, after)) if len(found) > limit else None
    head = Trades(mode=mode, as_of=as_of, delay_minutes=DELAY_MINUTES, trades=[], next_cursor=following)
    return Listed(head, "trades", trades)


@cache
def _trades(*, of_city: bool, follows: bool) -> TextClause:
    return listing(
        _TRADES
        % {
            "city": " AND city_code = :city" if of_city else "",
            "until": " AND trade_time <= :until" if follows else "",
            "most": MOST_ROWS + 1 + (MOST_SHOWN if follows else 0),
        }
    )


def _cursor_after(trades: Sequence[str], before: TradesCursor | None) -> TradesCursor:
    minutes = (datetime.fromisoformat(json.loads(trade)["trade_time"]) for trade in reversed(trades))
    last = next(minutes)
    shown = 1 + sum(1 for _ in takewhile(last.__eq__, minutes))
    return TradesCursor(last, shown + (before.shown if before and before.minute == last else 0))


def listing(rows: str) -> TextClause:
    """A statement for `read_lines`. `rows` is a query of one text for each row, of the mode `:mode`."""
    return text(f"SELECT string_agg(line, E'\\n') FROM ({rows}) AS listed (line)")  # noqa: S608 - a constant of ours


def read_lines(connection: Connection, statement: TextClause, keys: Mapping[str, object]) -> list[str]:
    """The rows of a `listing`."""
    return as_lines(connection.execute(statement, keys).scalar_one())


def read_list(bind: Bind, statement: TextClause, keys: Mapping[str, object]) -> tuple[datetime, Any, list[str]]:
    """What `as_of_and_mode` says, and the rows of a `listing`."""
    with reading(bind) as connection:
        as_of, mode = as_of_and_mode(connection)
        return as_of, mode, read_lines(connection, statement, {"mode": mode, **keys})


def as_of_and_mode(connection: Connection) -> tuple[datetime, Any]:
    """Both of `Newest`."""
    newest = read_newest(connection)
    return newest.as_of, newest.mode


def read_newest(connection: Connection) -> Newest:
    """As it was in the last second."""
    asked, found = _newest.get(connection.engine, (-math.inf, None))
    if found is None or time.monotonic() - asked > _SAME_SECONDS:
        asked = time.monotonic()
        row = connection.execute(_NEWEST).one()
        found = Newest(row.now - DELAY, row.now.date(), row.mode, row.curve_begins)
        _newest[connection.engine] = asked, found
    return found
