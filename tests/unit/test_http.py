"""Whether an order can have left this machine is decided by the HTTP library's errors, so they are tried on sockets."""

from __future__ import annotations

import itertools
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from tests.fakes import FakeClock
from tests.patience import PATIENCE

from milkbot.domain.clock import Deadline
from milkbot.http import MOST_BYTES, Backoff, HttpSession, Reply, TooLateError, TransportError, send_read


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


class StopsAt(FakeClock):
    """A process that is stopped for an hour before it asks for the time of its uptime that many times."""

    def __init__(self, question: int) -> None:
        super().__init__()
        self._left = question

    def uptime(self) -> float:
        self._left -= 1
        return 3600.0 if self._left < 0 else 0.0


@pytest.mark.parametrize("stopped_at", [0, 1, 2], ids=["unconnected", "connected", "headers written"])
def test_no_byte_of_a_body_leaves_after_its_deadline(stopped_at: int) -> None:
    """The process is stopped before it connects, once it is connected, and once the headers are written."""
    with server(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}") as (address, requests):
        session = HttpSession(address, {})
        deadline = Deadline(StopsAt(stopped_at), 20.0)
        with pytest.raises(TooLateError, match="POST /orders: kept back") as error:
            session.send("POST", "/orders", body=b"the order", deadline=deadline)
        session.close()
    assert not error.value.possibly_sent
    assert not any(b"the order" in seen for seen in requests)


def test_a_request_is_sent_up_to_its_deadline() -> None:
    with server(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}") as (address, requests):
        session, clock = HttpSession(address, {}), FakeClock()
        deadline = Deadline.within(clock, 20)
        clock.sleep(20)
        assert session.send("POST", "/orders", body=b"the order", deadline=deadline).status == 201
        assert session.traffic.answers == {"2xx": 1}
        clock.sleep(0.1)
        with pytest.raises(TooLateError):
            session.send("POST", "/orders", body=b"the order", deadline=deadline)
        assert session.traffic.answers == {"2xx": 1}, "nothing was sent"
        session.close()
    assert b"".join(requests).count(b"POST /base/orders") == 1


def test_a_connection_that_kept_back_a_request_serves_no_other() -> None:
    """Half a request is in it."""
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as (address, requests):
        session = HttpSession(address, {})
        with pytest.raises(TooLateError):
            session.send("POST", "/orders", body=b"the order", deadline=Deadline(StopsAt(2), 20.0))
        assert session.send("GET", "/x").ok
        session.close()
    assert requests[-1].startswith(b"GET /base/x HTTP/1.1\r\n")


def test_the_kernel_gives_up_what_is_not_acknowledged_for_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read where the deadline is asked for, with the body still to be written."""
    made: list[socket.socket] = []
    seen: list[int] = []
    connect = socket.create_connection

    def connected(*arguments: Any, **named: Any) -> socket.socket:
        made.append(connect(*arguments, **named))
        return made[-1]

    class Looks(FakeClock):
        def uptime(self) -> float:
            seen.extend(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) for one in made)
            return 0.0

    monkeypatch.setattr(socket, "create_connection", connected)
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as (address, _):
        session = HttpSession(address, {})
        session.send("POST", "/orders", body=b"the order", deadline=Deadline(Looks(), 20.0))
        session.close()
    assert seen == [10_000, 10_000]


def test_numbers_of_a_body_are_exact() -> None:
    assert Reply(200, {}, b'{"fee": 0.1}').json() == {"fee": Decimal("0.1")}


def test_the_last_reply_of_a_failing_read_is_kept() -> None:
    clock = FakeClock()
    replies = [Reply(500, {}, b"1"), Reply(429, {}, b"2"), Reply(503, {}, b"3")]
    backoff = Backoff(attempts=3, base_seconds=1, longest_seconds=9, jitter=lambda: 0.5)
    assert send_read(lambda: replies.pop(0), clock, backoff).content == b"3"
    assert clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("nested", [b"[", b'{"a":'])
def test_a_body_that_is_nested_without_end_is_no_json(nested: bytes) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        Reply(200, {}, nested * 100_000).json()


class Endless(httpx2.SyncByteStream):
    """A body that goes on for as long as it is read; `taken` is how many bytes were."""

    def __init__(self, part: bytes, first: bytes = b"") -> None:
        self.first, self.part, self.taken, self.is_closed = first, part, 0, False

    def __iter__(self) -> Iterator[bytes]:
        yield self.first
        while True:
            self.taken += len(self.part)
            yield self.part

    def close(self) -> None:
        self.is_closed = True


def _sent(body: Endless, **headers: str) -> TransportError:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=body, headers=headers))
    session = HttpSession("http://exchange.test", {}, transport)
    with pytest.raises(TransportError) as error:
        session.send("POST", "/orders", body=b"{}")
    session.close()
    assert body.is_closed
    return error.value


def _packed() -> Endless:
    """By gzip: a megabyte of zeros is a kilobyte."""
    packer = zlib.compressobj(wbits=31)
    first, second = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return Endless(second, first)


@pytest.mark.parametrize(("body", "encoding"), [(Endless(bytes(1 << 20)), "identity"), (_packed(), "gzip")])
def test_a_reply_without_end_is_given_up_before_it_fills_the_memory(body: Endless, encoding: str) -> None:
    found = _sent(body, **{"Content-Encoding": encoding})
    assert found.possibly_sent
    assert f"more than {MOST_BYTES} bytes" in str(found)
    assert body.taken <= MOST_BYTES + len(body.part)


def test_a_reply_that_comes_without_end_but_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.count(0.0, 9.0)
    monkeypatch.setattr("milkbot.http.time.monotonic", lambda: next(now))
    found = _sent(Endless(b"x"))
    assert found.possibly_sent
    assert "did not end within 60 seconds" in str(found)
