"""A simulator process on a free port of this machine, and a client of its own key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.patience import PATIENCE

from milkbot.simulator.virtual_clock import SimulatorClock
from milkbot.venue.client import KalshiClient
from milkbot.venue.signing import ApiCredentials
from milkbot.weather.client import WeatherClient

KEY_ID = "integration"


@dataclass(frozen=True, slots=True)
class Account:
    """A key, and the accounts file that knows its public half."""

    credentials: ApiCredentials
    path: Path


@dataclass(frozen=True, slots=True)
class Served:
    """A running simulator."""

    process: subprocess.Popen[bytes]
    origin: str
    account: Account
    clients: ExitStack

    def clock(self) -> SimulatorClock:
        return self.clients.enter_context(closing(SimulatorClock(self.origin)))

    def exchange(self, clock: SimulatorClock) -> KalshiClient:
        client = KalshiClient(f"{self.origin}/trade-api/v2", self.account.credentials, clock)
        return self.clients.enter_context(closing(client))

    def weather(self, clock: SimulatorClock) -> WeatherClient:
        client = WeatherClient(f"{self.origin}/nws", "milkbot test (operator@milkbot.test)", clock, 0)
        return self.clients.enter_context(closing(client))


def make_account(directory: Path) -> Account:
    """A new key with a thousand dollars."""
    key = Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path = directory / "accounts.json"
    path.write_text(json.dumps([{"key_id": KEY_ID, "public_key_pem": pem.decode(), "balance_dollars": "1000.00"}]))
    return Account(ApiCredentials(KEY_ID, key), path)


@contextmanager
def simulator(directory: Path, account: Account, *options: str) -> Iterator[Served]:
    """A process on the state in `directory`; it is killed at the end if it still lives."""
    command = [sys.executable, "-m", "milkbot.simulator", "--port", "0", "--state-dir", str(directory / "state")]
    log = directory / "simulator.log"
    with log.open("wb") as output:
        arguments = [*command, "--accounts", str(account.path), *options]
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    try:
        with ExitStack() as clients:
            yield Served(process, f"http://127.0.0.1:{_port(process, log)}", account, clients)
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the log names, once it listens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(f"the simulator did not start: {log.read_text()}")
