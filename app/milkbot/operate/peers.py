"""Who sits at the other end of a Unix socket: the kernel says it, and nothing in a request can change it."""

from __future__ import annotations

import asyncio
import pwd
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol

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
