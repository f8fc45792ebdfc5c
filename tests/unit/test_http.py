"""Whether an order can have left this machine is decided by the HTTP library's errors, so they are tried on sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from tests.fakes import FakeClock
from tests.patience import PATIENCE

from milkbot.http import Backoff, HttpSession, Reply, TransportError, send_read


@contextmanager
def server(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads one request a connection, writes `answer` and hangs up; gives its address and requests."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    requests.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/base", requests
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=PATIENCE)


def test_a_refused_connection_is_proved_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    session = HttpSession(f"http://127.0.0.1:{port}", {})
    with pytest.raises(TransportError) as error:
        session.send("POST", "/orders", body=b"{}")
    session.close()
    assert not error.value.possibly_sent


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 201 Created\r\nContent-Le", b"HTTP/1.1 201 X\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_connection_that_breaks_after_the_request_may_have_delivered_it(answer: bytes) -> None:
    with server(answer) as (address, requests):
        session = HttpSession(address, {})
        with pytest.raises(TransportError) as error:
            session.send("POST", "/orders", body=b"{}")
        session.close()
    assert error.value.possibly_sent
    assert len(requests) == 1


def test_a_server_without_tls_never_sees_the_order() -> None:
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (address, requests):
        session = HttpSession(address.replace("http:", "https:"), {})
        with pytest.raises(TransportError) as error:
            session.send("POST", "/orders", body=b"order")
        session.close()
    assert not error.value.possibly_sent
    assert not any(b"order" in seen for seen in requests)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as (address, requests):
        session = HttpSession(address, {})
        assert session.send("GET", "/x", params=[("a", "1"), ("a", "2")]).ok
        session.close()
    assert requests[0].startswith(b"GET /base/x?a=1&a=2 HTTP/1.1\r\n")


def test_the_signed_path_is_the_one_that_is_sent() -> None:
    signed: list[tuple[str, str]] = []

    def authorize(method: str, path: str) -> dict[str, str]:
        signed.append((method, path))
        return {"X-Signed": path}

    with server(b"HTTP/1.1 204 No Content\r\n\r\n") as (address, requests):
        session = HttpSession(address, {})
        session.send("DELETE", "/orders/a%2Fb", params=[("exchange_index", "0")], authorize=authorize)
        session.close()
    assert signed == [("DELETE", "/base/orders/a%2Fb")]
    assert requests[0].startswith(b"DELETE /base/orders/a%2Fb?exchange_index=0 HTTP/1.1\r\n")
    assert b"X-Signed: /base/orders/a%2Fb" in requests[0]


def test_numbers_of_a_body_are_exact() -> None:
    assert Reply(200, {}, b'{"fee": 0.1}').json() == {"fee": Decimal("0.1")}


def test_the_last_reply_of_a_failing_read_is_kept() -> None:
    clock = FakeClock()
    replies = [Reply(500, {}, b"1"), Reply(429, {}, b"2"), Reply(503, {}, b"3")]
    backoff = Backoff(attempts=3, base_seconds=1, longest_seconds=9, jitter=lambda: 0.5)
    assert send_read(lambda: replies.pop(0), clock, backoff).content == b"3"
    assert clock.slept == [0.5, 1.0]
