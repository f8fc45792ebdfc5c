"""`milkbot history`: killed half-way and run again, it ends on the wall clock with the exchange's own positions."""

from __future__ import annotations

import signal
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, text
from tests.cli import finished, start_milkbot
from tests.exchange import START_CASH, Keys, environment, simulator_process
from tests.postgres import TestDatabase

from milkbot.domain.clock import SystemClock
from milkbot.load_settings import load_settings
from milkbot.simulator.virtual_clock import SimulatorClock
from milkbot.trader.clients import open_venue


def ticks_in(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM ops.ticks WHERE outcome IS NOT NULL")) or 0)


def test_killed_history_resumes_and_ends_with_the_ledger_of_the_exchange(
    tmp_path: Path, keys: Keys, database: TestDatabase
) -> None:
    engine = database.engine()
    with simulator_process(tmp_path, keys, "--history-days", "2", "--seed", "7") as origin:
        wanted = environment(origin, keys, database, role="milkbot", TRADING_SERIES="KXHIGHNY,KXHIGHCHI")
        command = ("history", "--step-minutes", "180")
        first = start_milkbot(wanted, *command)
        while ticks_in(engine) < 5:
            assert first.poll() is None, first.communicate()
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        assert finished(first).code == -signal.SIGKILL
        with closing(SimulatorClock.of_exchange(origin)) as clock:
            assert clock.is_virtual()

        second = finished(start_milkbot(wanted, *command))
        assert second.code == 0, second.err
        assert second.out.endswith("ticks run; the simulator is on the wall clock now\n")
        with closing(SimulatorClock.of_exchange(origin)) as clock:
            assert not clock.is_virtual()

        with engine.connect() as connection:
            held = connection.execute(text("SELECT ticker, signed_count FROM ops.positions WHERE NOT is_closed"))
            books = {row.ticker: row.signed_count for row in held}
            fills = set(connection.scalars(text("SELECT venue_fill_id FROM ops.fills")))
            net = connection.scalar(
                text("""
                SELECT sum(amount) FROM (
                    SELECT realized_pnl AS amount FROM ops.settlements
                    UNION ALL SELECT realized_pnl - fee FROM ops.fills
                    UNION ALL SELECT -cost FROM ops.positions WHERE NOT is_closed) AS booked
            """)
            )
            rolled = connection.scalar(text("SELECT count(*) FROM analytics.equity_curve_daily"))
            open_orders = connection.scalar(
                text("SELECT count(*) FROM ops.orders WHERE state IN ('pending', 'unknown')")
            )
            settled = set(connection.scalars(text("SELECT ticker FROM ops.settlements")))
        with open_venue(load_settings(wanted), SystemClock()) as venue:
            assert books == {row.ticker: row.signed_count for row in venue.positions() if row.signed_count}
            assert fills == {fill.fill_id for fill in venue.fills()}
            assert settled == {row.ticker for row in venue.settlements()}
            assert settled, "two days must settle something"
            assert venue.balance().cash == Decimal(START_CASH) + net
        assert open_orders == 0
        assert rolled > 0

        done = ticks_in(engine)
        third = finished(start_milkbot(wanted, *command))
        assert third.out == "the simulator runs on the wall clock already; nothing to do\n"
        assert ticks_in(engine) == done
