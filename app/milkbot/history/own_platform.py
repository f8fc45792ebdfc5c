"""A platform for a while: a simulator process, a database of its own, and the settings that join them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from milkbot.db import scratch
from milkbot.db.migrate import upgrade
from milkbot.db.session import make_engine
from milkbot.domain.modes import TradingMode
from milkbot.errors import MilkbotError, VenueUnavailableError
from milkbot.load_settings import load_settings
from milkbot.settings import Settings
from milkbot.simulator.virtual_clock import SimulatorClock

_KEY_ID = "scratch"


@dataclass(frozen=True, slots=True)
class OwnPlatform:
    """What a loop needs to trade there. It is gone after its block."""

    engine: Engine
    settings: Settings
    clock: SimulatorClock


@contextmanager
def own_platform(serve: Sequence[str], balance: str, changed: Mapping[str, str]) -> Iterator[OwnPlatform]:
    """Run the simulator with those options of `milkbot simulate`, and an empty ledger of its account.

    `balance`: dollars of the account. `changed`: settings that are others than the defaults.
    """
    with tempfile.TemporaryDirectory(prefix="milkbot-replay-") as kept, scratch.scratch_server() as server:
        scratch.create_database(server, "replay")
        key_path, accounts = _make_account(Path(kept), balance)
        with _simulator(Path(kept), serve, accounts) as origin:
            settings = load_settings(
                {
                    "TRADING_MODE": TradingMode.DEMO,
                    "POSTGRES_HOST": str(server),
                    "POSTGRES_DB": "replay",
                    "KALSHI_API_BASE": f"{origin}/trade-api/v2",
                    "KALSHI_API_KEY_ID": _KEY_ID,
                    "KALSHI_PRIVATE_KEY_PATH": str(key_path),
                    "NWS_API_BASE": f"{origin}/nws",
                    "NWS_USER_AGENT": "milkbot replay (operator@milkbot.test)",
                    "WEATHER_CACHE_MIN": "0",
                    **changed,
                }
            )
            engine = make_engine(settings.database, application="milkbot replay")
            try:
                upgrade(engine)
                with closing(SimulatorClock.of_exchange(settings.kalshi_api_base)) as clock:
                    yield OwnPlatform(engine, settings, clock)
            finally:
                engine.dispose()


def _make_account(directory: Path, balance: str) -> tuple[Path, Path]:
    """A key for this account alone, and the simulator's list of accounts that knows its public half."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    key_path, accounts = directory / "key.pem", directory / "accounts.json"
    key_path.touch(mode=0o600)
    key_path.write_bytes(private)
    entry = {"key_id": _KEY_ID, "public_key_pem": public.decode(), "balance_dollars": balance}
    accounts.write_text(json.dumps([entry]))
    return key_path, accounts


@contextmanager
def _simulator(directory: Path, serve: Sequence[str], accounts: Path) -> Iterator[str]:
    """A simulator process; yields its origin."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "milkbot.simulator", "--host", "127.0.0.1", "--port", str(port)),
        *("--state-dir", str(directory / "state"), "--accounts", str(accounts)),
        *serve,
    ]
    log = directory / "simulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - our own words
    try:
        _wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # its state is thrown away with the directory
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until it answers, however busy the machine is. Raises MilkbotError when it ends instead."""
    with closing(SimulatorClock.of_exchange(f"http://127.0.0.1:{port}/trade-api/v2")) as clock:
        while process.poll() is None:
            try:
                clock.now()
            except VenueUnavailableError:
                time.sleep(0.05)
            else:
                return
    said = log.read_text("utf-8", errors="replace").strip()
    raise MilkbotError(f"the simulator did not start: {said.splitlines()[-1] if said else 'it said nothing'}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
