"""The names that every answer carries for a deploy's gate."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from milkbot.serving import INVOCATION_HEADER, RELEASE_HEADER, Identified


async def _page(_request: Request) -> Response:
    return PlainTextResponse("here")


async def _broken(_request: Request) -> Response:
    raise RuntimeError("broken on purpose")


async def _echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A service that systemd started."""
    monkeypatch.setenv("INVOCATION_ID", "0123abcd")
    app = Starlette(routes=[Route("/", _page), Route("/broken", _broken), WebSocketRoute("/echo", _echo)])
    return TestClient(Identified(app), raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/", "/broken", "/nothing"])
def test_every_answer_names_its_process(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert (headers[RELEASE_HEADER], headers[INVOCATION_HEADER]) == ("dev", "0123abcd")


def test_websockets_pass(client: TestClient) -> None:
    with client.websocket_connect("/echo") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
