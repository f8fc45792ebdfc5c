"""A ledger that comes back from a backup of an hour ago, while the exchange has gone on: halt, import, agree, wait."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.agreement import OURS, differences
from tests.patience import PATIENCE
from tests.postgres import Cluster
from tests.property.floor import Floor, open_floor
from tests.property.trial import Trial

from milkbot.db.scratch import create_database, server_programs
from milkbot.domain.orders import BookSide, TimeInForce

PROVED_ABSENT = timedelta(seconds=61)
# What restore-database.sh writes into the ledger that it brings back.
HALT = """
    INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)
    VALUES ('demo', 'halted', 'restored', 'restore-database.sh', now())
"""


@pytest.fixture
def floor(cluster: Cluster) -> Iterator[Floor]:
    """A floor whose database a test may replace."""
    with open_floor(cluster) as ready:
        yield ready


def news(trial: Trial, **forecasts: int) -> None:
    """Forecasts by city, so that the trader wants other positions."""
    for code, degrees in forecasts.items():
        trial.floor.world.forecasts[code].move(trial.floor.now(), degrees)
    trial.later(timedelta(minutes=20))


def dump(floor: Floor, directory: Path) -> Path:
    """A backup as backup-database.sh takes it."""
    file = directory / "books.dump"
    _run("pg_dump", floor, "-Fc", "-f", str(file))
    return file


def restore(cluster: Cluster, floor: Floor, file: Path) -> None:
    """The backup in place of the ledger."""
    floor.engine.dispose()
    with cluster.admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {floor.database.name} WITH (FORCE)"))
    create_database(cluster.socket_directory, floor.database.name)
    _run("pg_restore", floor, "--exit-on-error", str(file))
    floor.reconnect()


def _run(program: str, floor: Floor, *arguments: str) -> None:
    where = ["-h", str(floor.database.socket_directory), "-U", "postgres", "-d", floor.database.name]
    subprocess.run([server_programs() / program, *where, *arguments], check=True, timeout=PATIENCE)


def accepted(floor: Floor) -> int:
    return sum(order.client_order_id.startswith(OURS) for order in floor.simulator.state.orders.values())


def state(floor: Floor) -> str:
    return str(floor.rows("SELECT state FROM ops.trading_states ORDER BY id DESC LIMIT 1")[0][0])


def an_hour_goes_by(trial: Trial) -> int:
    """Orders and fills that the backup does not know, a manual one among them; returns how many are the trader's."""
    before = accepted(trial.floor)
    news(trial, NYC=78)
    trial.tick()
    news(trial, CHI=82)
    trial.tick()
    trial.operator_trades(trial.open_tickers()[0], BookSide.BID, 2, 3, TimeInForce.GOOD_TILL_CANCELED)
    news(trial, NYC=80)
    return accepted(trial.floor) - before


@pytest.mark.parametrize("by_script", [True, False], ids=["restored by the script", "restored by hand"])
def test_a_restored_ledger_halts_imports_agrees_and_waits_for_the_operator(
    cluster: Cluster, floor: Floor, tmp_path: Path, *, by_script: bool
) -> None:
    trial = Trial(floor)
    news(trial, NYC=81, CHI=79)
    trial.tick()
    assert accepted(floor) > 0
    backup = dump(floor, tmp_path)
    assert an_hour_goes_by(trial) > 0

    restore(cluster, floor, backup)
    if by_script:
        floor.rows(f"{HALT} RETURNING id")
    assert differences(floor), "the exchange must have gone on meanwhile"
    known = accepted(floor)
    for _ in range(2):
        trial.later(PROVED_ABSENT)
        trial.tick()
    assert trial.verdict() == []
    news(trial, NYC=82, CHI=78)
    trial.tick()
    assert accepted(floor) == known, "nothing may be sent before the operator's check"
    assert floor.rows("SELECT count(*) FROM ops.findings WHERE kind = 'lost_order'")[0][0] > 0

    for (finding,) in floor.rows("SELECT id FROM ops.findings WHERE closed_at IS NULL"):
        trial.command("reconcile", "--close", str(finding), "--note", "restored")
    trial.tick()
    assert accepted(floor) == known, "that every finding is explained does not resume trading"
    assert state(floor) == "halted"
    trial.command("resume", "--reason", "the ledger agrees")
    trial.tick()
    assert accepted(floor) > known
    trial.heal()
    assert trial.verdict() == []
