"""`milkbot simulate`: the local exchange and weather service as a process of its own."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from milkbot.errors import ConfigError
from milkbot.simulator.server import build_app
from milkbot.simulator.start import Options, open_simulator

LogFormat = Annotated[str, typer.Option(help="console or json, one line a request.")]


def simulate(
    *,
    state_dir: Annotated[Path, typer.Option(help="Where the state lives; it survives a restart.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8900,
    accounts: Annotated[Path | None, typer.Option(help="JSON list of key_id, public_key_pem, balance_dollars.")] = None,
    open_account: Annotated[
        list[str] | None, typer.Option(help="KEYID:PEMFILE, an account with 1000 dollars for local play.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The world's seed; a stored state keeps its own.")] = None,
    history_days: Annotated[int, typer.Option(help="Start a new state this many days ago, on a virtual clock.")] = 0,
    replay: Annotated[Path | None, typer.Option(help="Folder of recorded days to serve one of.")] = None,
    day: Annotated[str | None, typer.Option(help="The recorded day, such as 2025-12-16.")] = None,
    replay_depth: Annotated[int, typer.Option(min=1, help="Contracts at each recorded best price.")] = 100,
    log_format: LogFormat = "console",
) -> None:
    """Serve a simulated exchange under /trade-api/v2 and a simulated weather service under /nws."""
    options = Options(
        state_dir, accounts, tuple(open_account or ()), seed, history_days, replay, _day(day), replay_depth
    )
    simulator = open_simulator(options)
    _log(log_format)
    try:
        uvicorn.run(build_app(simulator), host=host, port=port, log_config=None, date_header=False, server_header=False)
    finally:
        simulator.close()


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError([f"--day is {text!r}, expected a date such as 2025-12-16"]) from None


def _log(log_format: str) -> None:
    if log_format not in {"console", "json"}:
        raise ConfigError([f"--log-format is {log_format!r}, expected console or json"])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
