"""A simulated exchange in the test's own process: real HTTP on a loopback port, a world that begins on request."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from tests.patience import PATIENCE
from tests.postgres import TestDatabase

from milkbot.load_settings import load_settings
from milkbot.settings import Settings
from milkbot.simulator.accounts import read_accounts
from milkbot.simulator.core import Simulator
from milkbot.simulator.engine.records import Account
from milkbot.simulator.server import server_of
from milkbot.simulator.sim_clock import ClockMode
from milkbot.simulator.store import Store
from milkbot.simulator.world.simulated import SimulatedWorld

KEY_ID = "tester"
OTHER_KEY_ID = "neighbour"
SEED = 7
START_CASH = "1000.00"
# A Monday: the exchange's weekly pause is three days away. 11:00 in New York, so today's events and tomorrow's trade.
MONDAY = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
TRADER = "milkbot_trader"
DEMONSTRATION = {"FORECASTER": "normal", "MIN_EDGE_AFTER_COSTS": "0.03"}
"""By the defaults hardly anything is traded. Tests that need trades name the forecaster of inventories/local."""


@dataclass(frozen=True, slots=True)
class Keys:
    """One key pair for all accounts: the file of its private half, and the simulator's list of accounts."""

    private_key: Path
    accounts: Path


def make_keys(directory: Path, key: Ed25519PrivateKey | RSAPrivateKey | None = None) -> Keys:
    """A key file of mode 0600, and an accounts file with the tester and a neighbour; without a key a new one."""
    key = key or Ed25519PrivateKey.generate()
    private_key, accounts = directory / "key.pem", directory / "accounts.json"
    private_key.touch(mode=0o600)
    private_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    rows = [
        {"key_id": name, "public_key_pem": public.decode(), "balance_dollars": START_CASH}
        for name in (KEY_ID, OTHER_KEY_ID)
    ]
    accounts.write_text(json.dumps(rows))
    return Keys(private_key, accounts)


def environment(origin: str, keys: Keys, database: TestDatabase, role: str = TRADER, **more: str) -> dict[str, str]:
    """The variables by which the platform trades in mode demo at a simulator, on a test's database."""
    return {
        "TRADING_MODE": "demo",
        "KALSHI_API_BASE": f"{origin}/trade-api/v2",
        "KALSHI_API_KEY_ID": KEY_ID,
        "KALSHI_PRIVATE_KEY_PATH": str(keys.private_key),
        "NWS_API_BASE": f"{origin}/nws",
        "NWS_USER_AGENT": "milkbot tests (tester@milkbot.test)",
        "WEATHER_CACHE_MIN": "0",
        "BANKROLL": START_CASH,
        # Tests trade by Kelly: a new ledger has no evidence, and each position would be one contract.
        "SIZE_BY_EVIDENCE": "false",
        **DEMONSTRATION,
        **database.environment(role),
        **more,
    }


@dataclass(frozen=True, slots=True)
class Exchange:
    """The served simulator, and its inside: what the account really has, whatever our ledger says."""

    origin: str
    keys: Keys
    simulator: Simulator

    def now(self) -> datetime:
        """The exchange's virtual moment. Together with sleep this is the Clock that tests give the loop."""
        return self.simulator.clock.latest

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass, at once."""
        self.simulator.set_clock(ClockMode.VIRTUAL, self.now() + timedelta(seconds=seconds))

    def uptime(self) -> float:
        """The virtual moment, which is also what counts while a process stands still."""
        return self.now().timestamp()

    def advance_to(self, moment: datetime) -> None:
        """Let virtual time pass until a moment."""
        self.simulator.set_clock(ClockMode.VIRTUAL, moment)

    @property
    def account(self) -> Account:
        """The tester's account."""
        return self.simulator.state.accounts[KEY_ID]

    def order_count(self) -> int:
        """How many orders of the tester the exchange ever accepted."""
        return sum(order.account == KEY_ID for order in self.simulator.state.orders.values())

    def hold_prices(self) -> None:
        """Let the house quote from now on what it quotes now, and let nobody of it take: an edge remains one."""
        world = self.simulator.world
        assert isinstance(world, SimulatedWorld)
        quotes, now = world.house.quotes, self.now()
        vars(world.house).update(
            quotes=lambda plan, strike, _, inventory: quotes(plan, strike, now, inventory),
            takes=lambda *_: [],
        )

    def settings(self, database: TestDatabase, **more: str) -> Settings:
        """Settings of mode demo for a trader at this exchange."""
        return load_settings(environment(self.origin, self.keys, database, **more))


@contextmanager
def served_exchange(directory: Path, keys: Keys, start: datetime = MONDAY) -> Iterator[Exchange]:
    """Serve a new world from `start` on its virtual clock."""
    simulator = Simulator.open(Store(directory), SimulatedWorld(SEED), SEED, start, ClockMode.VIRTUAL)
    simulator.enroll(read_accounts(keys.accounts))
    listener = listening()
    server = server_of(simulator)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        yield Exchange(f"http://127.0.0.1:{listener.getsockname()[1]}", keys, simulator)
    finally:
        server.should_exit = True
        thread.join()
        simulator.close()


def listening() -> socket.socket:
    """A loopback socket for a server that answers without delay."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def simulator_process(directory: Path, keys: Keys, *arguments: str, start: datetime | None = None) -> Iterator[str]:
    """Run `python -m milkbot.simulator`, and yield its origin.

    With `start` a new world begins at that moment on the virtual clock; else the arguments say how.
    """
    state = directory / "state"
    if start is not None:
        Simulator.open(Store(state), SimulatedWorld(SEED), SEED, start, ClockMode.VIRTUAL).close()
    port = free_port()
    command = [sys.executable, "-m", "milkbot.simulator", "--state-dir", str(state), "--port", str(port)]
    with (directory / "simulator.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--accounts", str(keys.accounts), *arguments], stdout=log, stderr=log, env=child_environment()
        )
    try:
        _wait_for(port, process, directory / "simulator.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a process of the platform: nothing of the caller's but where its code is."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **more}


def free_port() -> int:
    """A port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(2000):
        if process.poll() is not None:
            raise RuntimeError(f"the simulator ended with {process.returncode}: {log.read_text('utf-8')}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("the simulator does not listen after 40 seconds")
