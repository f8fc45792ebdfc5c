"""The exchange's state in one SQLite file. The content of a reply is committed before it is sent."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

from milkbot.domain.cities import all_series
from milkbot.errors import ConfigError
from milkbot.simulator import codec
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.engine.records import Account, AccountFill, Market, Order, OrderGroup, Settled, Trade
from milkbot.simulator.engine.state import TAPE_LENGTH, Record, State

FILE_NAME = "simulator.sqlite3"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, key TEXT NOT NULL, sequence INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_in_order ON record (kind, sequence);
"""

_PUT_RECORD = "INSERT INTO record VALUES (?, ?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
_PUT_META = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class Store:
    """One file in the state directory. For one process: a second one is refused."""

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                directory / FILE_NAME, isolation_level=None, check_same_thread=False, timeout=1
            )
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_SCHEMA)
        except (sqlite3.DatabaseError, OSError) as error:
            problem = f"--state-dir {directory} cannot be used: {error}; stop what uses it or choose another"
            raise ConfigError([problem]) from None

    def meta(self) -> dict[str, str]:
        """What identifies the state: empty for a new one."""
        return dict(self._connection.execute("SELECT name, value FROM meta"))

    def load(self, seed: int, now: datetime, sequence: int) -> State:
        """The state as it was last committed."""
        state = State(seed, now, sequence)
        # In the order in which they were listed: whatever goes through all markets must do it as before the restart.
        plans = [codec.plan_from(body) for _, body in self._records(EventPlan)]
        markets = dict(self._records(Market))
        for plan in sorted(plans, key=lambda plan: (plan.created_at, all_series().index(plan.series))):
            state.plans[plan.ticker] = plan
            for ticker in map(plan.market_ticker, plan.strikes):
                state.markets[ticker] = codec.market_from(ticker, markets[ticker], plan)
        for key, body in self._records(Account):
            state.accounts[key] = codec.account_from(key, body)
        for key, body in self._records(Order):
            state.orders[key] = codec.order_from(body)
        for key, body in self._records(OrderGroup):
            state.groups[key] = codec.group_from(body)
        state.irregular = {key for key, market in state.markets.items() if market.irregular.is_pending(now)}
        resting = {order.ref for market in state.markets.values() for order in market.orderbook if not order.is_house}
        state.resting = {key: order for key, order in state.orders.items() if key in resting}
        state.fills = [codec.fill_from(body) for _, body in self._records(AccountFill)]
        state.settlements = [codec.settled_from(body) for _, body in self._records(Settled)]
        state.trades = [codec.trade_from(body) for _, body in self._records(Trade)]
        return state

    def save(self, state: State, meta: dict[str, str]) -> None:
        """Commit everything that was touched since the last save, in one transaction."""
        rows = [
            (kind, key, getattr(record, "sequence", 0), json.dumps(codec.encoded(record)))
            for (kind, key), record in state.touched.items()
        ]
        surplus = max(0, len(state.trades) - TAPE_LENGTH)
        forgotten = [(trade.key,) for trade in state.trades[:surplus]]
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_PUT_RECORD, rows)
            self._connection.executemany("DELETE FROM record WHERE kind = 'Trade' AND key = ?", forgotten)
            self._connection.executemany(_PUT_META, meta.items())
        del state.trades[:surplus]
        state.touched.clear()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _records(self, kind: type[Record]) -> list[tuple[str, Any]]:
        rows = self._connection.execute(
            "SELECT key, body FROM record WHERE kind = ? ORDER BY sequence, key", (kind.__name__,)
        )
        return [(key, json.loads(body)) for key, body in rows]
