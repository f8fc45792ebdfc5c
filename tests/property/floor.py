"""What all examples of a worker share, and what each of them gets anew: database, simulator, clock, account."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from tests.agreement import START_CASH
from tests.exchange import DEMONSTRATION, MONDAY, TRADER
from tests.patience import PATIENCE
from tests.postgres import Cluster, TestDatabase
from tests.property.inprocess import InProcess, one_thread
from tests.property.lifeline import Lifeline
from tests.property.world import SERIES, MovedWorld

from milkbot.load_settings import load_settings
from milkbot.settings import Settings
from milkbot.simulator.accounts import AccountEntry
from milkbot.simulator.core import Simulator
from milkbot.simulator.engine.records import Account
from milkbot.simulator.server import build_app
from milkbot.simulator.sim_clock import ClockMode
from milkbot.simulator.store import Store
from milkbot.venue.signing import ApiCredentials

ORIGIN = "http://127.0.0.1:9"
_SEED = 1
_LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND datname = current_database()
"""


class Floor:
    """An exchange that begins on the same Monday for every example, and an empty ledger with it.

    The application is built once, around whatever simulator is the present one; accounts have a new name in each
    example, so that nobody's rate limit remembers an earlier Monday.
    """

    def __init__(self, database: TestDatabase, loop: asyncio.AbstractEventLoop, directory: Path) -> None:
        self.database = database
        self.engine: Engine = database.engine(TRADER)
        self.owner: Engine = database.engine()
        """As whom the operator's commands come."""
        self.lifeline = Lifeline()
        self.lifeline.bind(self.engine)
        self.key = Ed25519PrivateKey.generate()
        self.world = MovedWorld()
        self.simulator: Simulator
        self._directory = directory
        self._examples = itertools.count(1)
        self._books = self._connected()
        self._wipe = self._wiping()
        self.number = 0
        self.tally: Counter[str] = Counter()
        """What happened in all examples together."""
        self._key_file = directory / "key.pem"
        self._key_file.touch(mode=0o600)
        self._key_file.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.reset()
        self.app = build_app(cast("Simulator", _Present(self)))
        self.transport = InProcess(self.app, loop)

    def reset(self) -> None:
        """A new Monday: nothing traded, nothing written."""
        self.number = next(self._examples)
        if self.number > 1:
            self.simulator.close()
        self._books.execute(self._wipe)
        self.world = MovedWorld()
        store = Store(self._directory / str(self.number))
        self.simulator = Simulator.open(store, self.world, _SEED, MONDAY, ClockMode.VIRTUAL)
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.simulator.enroll(
            [
                AccountEntry(key_id=name, public_key_pem=public.decode(), balance_dollars=START_CASH)
                for name in (self.tester, self.neighbour)
            ]
        )
        shutil.rmtree(self._directory / str(self.number - 1), ignore_errors=True)

    def bury(self) -> None:
        """End the connections of a trader that died, and wait until the server has noticed and let go of its lock."""
        self.engine.dispose()
        deadline = time.monotonic() + PATIENCE
        while self._books.execute(_LOCKS).fetchone() != (0,):
            if time.monotonic() > deadline:
                raise AssertionError("the server keeps the lock of a trader that is gone")
            time.sleep(0.001)

    def now(self) -> datetime:
        """The exchange's virtual moment; with sleep this is the trader's Clock."""
        return self.simulator.clock.latest

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass, at once."""
        self.simulator.set_clock(ClockMode.VIRTUAL, self.now() + timedelta(seconds=seconds))

    def uptime(self) -> float:
        """The virtual moment, which is also what counts while a process stands still."""
        return self.now().timestamp()

    @property
    def tester(self) -> str:
        """The key of the account that the trader trades on."""
        return f"tester-{self.number}"

    @property
    def neighbour(self) -> str:
        """The key of somebody else's account."""
        return f"neighbour-{self.number}"

    @property
    def account(self) -> Account:
        """What the exchange says that the tester has."""
        return self.simulator.state.accounts[self.tester]

    @property
    def credentials(self) -> ApiCredentials:
        """The tester's."""
        return ApiCredentials(self.tester, self.key)

    def environment(self, origin: str = ORIGIN, **more: str) -> dict[str, str]:
        """The variables of a trader on this floor, with the limits that they have by default."""
        return {
            "TRADING_MODE": "demo",
            "KALSHI_API_BASE": f"{origin}/trade-api/v2",
            "KALSHI_API_KEY_ID": self.tester,
            "KALSHI_PRIVATE_KEY_PATH": str(self._key_file),
            "NWS_API_BASE": f"{origin}/nws",
            "NWS_USER_AGENT": "milkbot tests (tester@milkbot.test)",
            "WEATHER_CACHE_MIN": "0",
            "TRADING_SERIES": ",".join(SERIES),
            "BANKROLL": str(START_CASH),
            # As everywhere in the tests: by Kelly.
            "SIZE_BY_EVIDENCE": "false",
            **DEMONSTRATION,
            # The world is smaller than what is due of each series: that alone would let it only reduce.
            "MAX_BLIND_TICKS": "100",
            "KILL_FILE": str(self.kill_file),
            **self.database.environment(TRADER),
            **more,
        }

    def settings(self, **more: str) -> Settings:
        """The same, read."""
        return load_settings(self.environment(**more))

    @property
    def kill_file(self) -> Path:
        """The file whose presence stops the trader."""
        return self._directory / f"HALT-{self.number}"

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds, whoever may read it."""
        return self._books.execute(query.encode(), values).fetchall()

    def close(self) -> None:
        """Let go of everything."""
        self._books.close()
        self.simulator.close()

    def reconnect(self) -> None:
        """Ask a server that was stopped meanwhile again."""
        self.owner.dispose()
        self._books.close()
        self._books = self._connected()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        directory, name = str(self.database.socket_directory), self.database.name
        connection = psycopg.connect(host=directory, dbname=name, user="postgres", autocommit=True)
        # Append-only tables are emptied too, and a server that is stopped at once does not bring back what was wiped.
        connection.execute("SET session_replication_role = replica; SET synchronous_commit = on")
        return connection

    def _wiping(self) -> bytes:
        """What brings every table back to what the migrations left in it."""
        listed = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('ops', 'analytics')"
        names = [str(name) for (name,) in self.rows(listed)]
        filled = {name: name.replace(".", "_") for name in names if self.rows(f"SELECT 1 FROM {name} LIMIT 1")}
        for name, kept in filled.items():
            self._books.execute(f"CREATE SCHEMA IF NOT EXISTS kept; CREATE TABLE kept.{kept} AS TABLE {name}".encode())
        wiped = [f"DELETE FROM {name}" for name in names]
        return "; ".join([*wiped, *(f"INSERT INTO {name} TABLE kept.{kept}" for name, kept in filled.items())]).encode()


class _Present:
    """The simulator of the present example, for an application that outlives it."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._floor.simulator, name)


@contextmanager
def open_floor(cluster: Cluster) -> Iterator[Floor]:
    """A floor with a database of its own, its simulator's file in memory where the system has such a folder."""
    memory = Path("/dev/shm")
    with ExitStack() as left:
        folder = tempfile.TemporaryDirectory(prefix="milkbot-floor-", dir=memory if memory.is_dir() else None)
        directory = Path(left.enter_context(folder))
        database = left.enter_context(cluster.database())
        floor = Floor(database, left.enter_context(one_thread()), directory)
        left.callback(floor.close)
        yield floor
