"""Serve an application over a Unix socket, as systemd hands it over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from starlette.types import ASGIApp

from milkbot.operate.peers import NamedPeers
from milkbot.serving import Identified

# The first socket that systemd hands over.
_HANDED_OVER = 3
Socket = Annotated[Path | None, typer.Option(help="Listen here; without it on the socket that systemd hands over.")]


def serve_over_socket(application: ASGIApp, socket: Path | None) -> None:
    """Until it is stopped. Requests name the user of the connection's other end; there are no websockets."""
    uvicorn.run(
        Identified(application),
        fd=None if socket else _HANDED_OVER,
        uds=str(socket) if socket else None,
        http=NamedPeers,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
