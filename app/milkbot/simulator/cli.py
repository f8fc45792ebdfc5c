"""`milkbot simulate`: the local exchange and weather service as a process of its own."""

from __future__ import annotations

import os
import socket
from datetime import date
from pathlib import Path
from typing import Annotated

import structlog
import typer

from milkbot.errors import ConfigError
from milkbot.load_settings import load_settings
from milkbot.logging import configure_logging
from milkbot.simulator.fault_control import read_faults
from milkbot.simulator.faults import FaultPlan
from milkbot.simulator.server import server_of
from milkbot.simulator.start import Options, open_simulator


def simulate(
    *,
    state_dir: Annotated[Path, typer.Option(help="Where the state lives; it survives a restart.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 8900,
    accounts: Annotated[Path | None, typer.Option(help="JSON list of key_id, public_key_pem, balance_dollars.")] = None,
    open_account: Annotated[
        list[str] | None, typer.Option(help="KEYID:PEMFILE, an account with 1000 dollars for local play.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The world's seed; a stored state keeps its own.")] = None,
    history_days: Annotated[int, typer.Option(help="Start a new state this many days ago, on a virtual clock.")] = 0,
    replay: Annotated[Path | None, typer.Option(help="Folder of recorded days to serve one of.")] = None,
    day: Annotated[str | None, typer.Option(help="The recorded day, such as 2025-12-16.")] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days of the recorder's, from --day on.")] = 1,
    replay_depth: Annotated[int, typer.Option(min=1, help="Contracts at each recorded best price.")] = 100,
    faults: Annotated[
        Path | None, typer.Option(help="JSON file of faults to play from the start; docs/simulator.md has them all.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json; LOG_FORMAT if not given.")] = None,
) -> None:
    """Serve a simulated exchange under /trade-api/v2 and a simulated weather service under /nws.

    Faults (lost replies, 5xx, partial fills, lagging reads and more) are switched while it runs, from this machine:
    POST a list of rules to /simulator/faults, GET it to see what fired, DELETE it to end them.
    """
    _configure_logging(log_format)
    options = Options(
        state_dir, accounts, tuple(open_account or ()), seed, history_days, replay, _day(day), days, replay_depth
    )
    plan = FaultPlan() if faults is None else read_faults(faults)
    listener = _listener(host, port)
    simulator = open_simulator(options)
    simulator.set_faults(plan)
    address, bound_port = listener.getsockname()[:2]
    structlog.get_logger(__name__).info("listening", url=f"http://{address}:{bound_port}", state_dir=str(state_dir))
    try:
        server_of(simulator).run(sockets=[listener])
    finally:
        simulator.close()


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket, before anything is changed. Raises ConfigError where nobody may listen."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        problem = f"--host {host} --port {port}: {reason}; choose another port, or stop what listens there"
        raise ConfigError([problem]) from None
    # Accepted connections inherit it; without it each small answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError([f"--day is {text!r}, expected a date such as 2025-12-16"]) from None


def _configure_logging(log_format: str | None) -> None:
    """Log as the other services do: LOG_LEVEL, LOG_FORMAT and LOG_FILE, of which an option may override the format.

    Of the settings only these are read, so the simulator starts without any of the trader's.
    """
    if log_format not in {None, "console", "json"}:
        raise ConfigError([f"--log-format is {log_format!r}, expected console or json"])
    names = ("LOG_LEVEL", "LOG_FORMAT", "LOG_FILE")
    wanted = {name: os.environ[name] for name in names if name in os.environ}
    if log_format is not None:
        wanted["LOG_FORMAT"] = log_format
    configure_logging(load_settings(wanted), "simulator")
