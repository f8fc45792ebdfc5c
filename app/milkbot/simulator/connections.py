"""The sockets of a served simulator, by their client's address, so that a fault can reset one."""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connections:
    """What is open. Empty where the simulator is not served over sockets."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    @property
    def protocol(self) -> type[asyncio.Protocol]:
        """The protocol class for uvicorn's option `http`, which reports each connection."""
        opened = self._open

        class KnownProtocol(H11Protocol):
            """HTTP/1.1 whose transport is known while it lasts."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client is not None:
                    opened[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    opened.pop(self.client, None)
                super().connection_lost(exc)

        return KnownProtocol

    def reset(self, client: tuple[str, int] | None) -> bool:
        """Break a client's connection without a goodbye. False if it has none of ours."""
        transport = None if client is None else self._open.get(client)
        if transport is None:
            return False
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        return True
