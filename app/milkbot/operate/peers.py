"""Who sits at the other end of a Unix socket: the kernel says it, and nothing in a request can change it."""

from __future__ import annotations

import asyncio
import pwd
import socket
import struct

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from milkbot.operate.keys import NAME

NAME_HEADER = "X-Milkbot-Operator"
"""Whom the login service has let in. Only that service's own user is believed."""
_CREDENTIALS = struct.Struct("3i")


class NamedPeers(H11Protocol):
    """HTTP over a Unix socket: `scope["client"]` is the user of the connection's other end, with 0 for a port.

    Over ssh that is the user who logged in: sshd opens the connection as him.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base class
        """Look up the user, once for each connection."""
        super().connection_made(transport)
        self.client = (name_of_peer(transport.get_extra_info("socket")), 0)


def name_of_peer(connection: socket.socket) -> str:
    """The user's name; "uid N" for one without an account."""
    _, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def actor_of(request: Request, login_user: str | None) -> str | None:
    """Who asks, and by which way: "alice via ssh", "alice via passkey". None where the login service names nobody.

    `login_user` is the user of the login service; without one nobody's header is read.
    """
    peer = request.client.host if request.client else "unknown"
    if login_user is None or peer != login_user:
        return f"{peer} via ssh"
    name = request.headers.get(NAME_HEADER, "")
    return f"{name} via passkey" if NAME.fullmatch(name) else None
