"""A web server of the tests' own that keeps what is posted to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(ThreadingHTTPServer):
    """Answers with `status`, or with None never to an end. JSON is kept parsed, anything else as text."""

    daemon_threads = True

    def __init__(self, status: int | None, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), _Handler)
        self.status, self.taken, self.closing = status, list[tuple[str, Any]](), threading.Event()

    @property
    def address(self) -> str:
        return f"{self.server_address[0]!s}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_json = "json" in self.headers.get("Content-Type", "")
        self.server.taken.append((self.path, json.loads(body) if is_json else body))
        if self.server.status is None:
            self._drip()
            return
        self.send_response(self.server.status)
        self.end_headers()

    def _drip(self) -> None:
        """Never silent for long enough to count as gone, and never done."""
        while not self.server.closing.wait(0.2):
            try:
                self.wfile.write(b"H")
            except OSError:
                return

    def log_message(self, *_: Any) -> None:
        """Say nothing on stderr."""


@contextmanager
def receiving(status: int | None = 200, address: str = "127.0.0.1") -> Iterator[Receiver]:
    with Receiver(status, address) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
