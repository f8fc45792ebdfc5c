"""One recorded day, traded through: a simulator process, a database of its own, and the loop between them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from milkbot.db import scratch
from milkbot.db.migrate import upgrade
from milkbot.db.session import make_engine
from milkbot.domain.modes import TradingMode
from milkbot.errors import MilkbotError, VenueUnavailableError
from milkbot.history.walk import Walk, walk
from milkbot.load_settings import load_settings
from milkbot.settings import Settings
from milkbot.simulator.replay.recording import SERIES
from milkbot.simulator.replay.span import is_recording, recorded_series
from milkbot.simulator.virtual_clock import SimulatorClock

_KEY_ID = "replay"
# A day's markets may be settled late in the next morning; the simulator says when its day is over.
_BALANCE = "992.10"


@dataclass(frozen=True, slots=True)
class ReplayedLedger:
    """The ledger that a replay leaves, still open to be asked."""

    engine: Engine
    settings: Settings
    ticks: int


@contextmanager
def replayed_day(
    data: Path,
    day: date,
    step_minutes: int,
    moved: Callable[[Walk], None],
    days: int = 1,
    forecaster: str | None = None,
    min_edge: str | None = None,
) -> Iterator[ReplayedLedger]:
    """Trade `day` of the recordings in `data`, and of the recorder's as many as `days` say.

    `forecaster` and `min_edge` (dollars a contract) are others than the defaults. Yields the ledger, which is gone
    after the block.
    """
    series = recorded_series(data, day) if is_recording(data) else (SERIES,)
    with tempfile.TemporaryDirectory(prefix="milkbot-replay-") as kept, scratch.scratch_server() as server:
        scratch.create_database(server, "replay")
        key_path, accounts = _make_account(Path(kept))
        with _simulator(Path(kept), data, day, days, accounts) as origin:
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
                    "TRADING_SERIES": ",".join(series or (SERIES,)),
                    "BANKROLL": _BALANCE,
                    # A ledger of its own has no evidence: each position would be one contract.
                    "SIZE_BY_EVIDENCE": "false",
                    **({"FORECASTER": forecaster} if forecaster else {}),
                    **({"MIN_EDGE_AFTER_COSTS": min_edge} if min_edge else {}),
                    "WEATHER_CACHE_MIN": "0",
                }
            )
            engine = make_engine(settings.database, application="milkbot replay")
            try:
                upgrade(engine)
                with closing(SimulatorClock.of_exchange(settings.kalshi_api_base)) as clock:
                    ticks = walk(settings, engine, clock, step_minutes, moved)
                yield ReplayedLedger(engine, settings, ticks)
            finally:
                engine.dispose()


def _make_account(directory: Path) -> tuple[Path, Path]:
    """A key of this replay's own, and the simulator's list of accounts that knows its public half."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    key_path, accounts = directory / "key.pem", directory / "accounts.json"
    key_path.touch(mode=0o600)
    key_path.write_bytes(private)
    entry = {"key_id": _KEY_ID, "public_key_pem": public.decode(), "balance_dollars": _BALANCE}
    accounts.write_text(json.dumps([entry]))
    return key_path, accounts


@contextmanager
def _simulator(directory: Path, data: Path, day: date, days: int, accounts: Path) -> Iterator[str]:
    """A simulator process that serves the day; yields its origin."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "milkbot.simulator", "--host", "127.0.0.1", "--port", str(port)),
        *("--state-dir", str(directory / "state"), "--accounts", str(accounts)),
        *("--replay", str(data), "--day", day.isoformat(), "--days", str(days)),
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
