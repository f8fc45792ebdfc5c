"""What a channel or the dead man's switch does not take, and secrets on the way: real servers, and real Apprise."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.roles.receiver import Receiver, receiving
from tests.roles.rendering import ROLES

from milkbot_hostcheck.alerting import ping, tell
from milkbot_hostcheck.row import Row, fail, ok

SECRET = "hush-hush-42"
MESSAGE = {"title": "milkbot: a check FAILS on here", "body": "FAIL: x", "type": "failure"}


@pytest.fixture(autouse=True)
def _apprise_of_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(tell, "PROGRAM", ROLES / "notify/files/channels.py")


@pytest.fixture
def serve() -> Iterator[Callable[..., Receiver]]:
    with ExitStack() as stack:
        yield lambda status=200: stack.enter_context(receiving(status))


def _url(server: Receiver) -> str:
    return f"http://{server.address}/{SECRET}"


def test_a_channel_that_is_down_receives_its_messages_later(serve: Callable[..., Receiver]) -> None:
    up, down = serve(), serve(500)
    urls = [_url(down), _url(up)]
    spool, why = tell.flush(tell.add([], MESSAGE, urls, 1.0), urls, 5)
    assert (len(up.taken), why) == (1, "channel 1 of 2: it answered 500 (Internal Server Error)")
    spool = tell.add(spool, {**MESSAGE, "title": "milkbot: all is well again on here", "body": "WELL"}, urls, 2.0)
    down.status = 200
    spool, why = tell.flush(spool, urls, 5)
    assert (spool, why, len(up.taken)) == ([], "", 2)
    # The first try, and then both in one message, the older one first.
    assert len(down.taken) == 2
    text = down.taken[1][1]["text"]
    assert text.startswith("milkbot: all is well again on here (with 1 that did not arrive before)")
    assert text.index("FAIL: x") < text.index("WELL")


def test_a_channel_that_hangs_is_given_up_in_time(serve: Callable[..., Receiver]) -> None:
    hanging, up = serve(None), serve()
    urls = [_url(hanging), _url(up)]
    done = threading.Event()
    found: list[tuple[list[tell.Entry], str]] = []

    def run() -> None:
        found.append(tell.flush(tell.add([], MESSAGE, urls, 1.0), urls, 2))
        done.set()

    threading.Thread(target=run, daemon=True).start()
    assert done.wait(2 + 10)
    spool, why = found[0]
    assert why == "channel 1 of 2: it did not answer in time"
    assert [entry["left"] for entry in spool] == [[tell.mark(urls[0])]]
    assert len(up.taken) == 1


def test_a_removed_channel_receives_nothing(serve: Callable[..., Receiver]) -> None:
    server = serve()
    spool = tell.add([], MESSAGE, [_url(server)], 1.0)
    assert tell.flush(spool, [], 5) == ([], "")
    assert server.taken == []


def test_messages_without_a_channel_are_not_stored() -> None:
    assert tell.add([], MESSAGE, [], 1.0) == []


def test_the_spool_of_messages_is_limited() -> None:
    spool: list[tell.Entry] = []
    for number in range(500):
        spool = tell.add(spool, MESSAGE, ["http://x"], float(number))
    assert (len(spool), spool[-1]["at"]) == (50, 499.0)


def test_the_spool_contains_no_address() -> None:
    spool, why = tell.flush(tell.add([], MESSAGE, [f"slack://{SECRET}"], 1.0), [f"slack://{SECRET}"], 5)
    assert SECRET not in f"{spool}{why}"
    assert why == "channel 1 of 1: Apprise does not understand it"


def test_the_check_continues_without_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "PYTHON", Path("/nonexistent/python"))
    spool, why = tell.flush(tell.add([], MESSAGE, ["http://x"], 1.0), ["http://x"], 5)
    assert len(spool) == 1
    assert why == "channel 1 of 1: Apprise is not there, or broken; site.yml --tags health installs it"


ROWS = [ok("a", "well"), fail("b", 'say "gone"\\', "remedy")]


@pytest.mark.parametrize(
    ("rows", "path", "body"),
    [
        (ROWS[:1], f"/{SECRET}?rid=1", "1 rows, none fails"),
        (ROWS, f"/{SECRET}/fail?rid=1", ROWS[1].line()),
    ],
)
def test_the_heartbeat_ping_carries_the_result_of_the_check(
    serve: Callable[..., Receiver], rows: list[Row], path: str, body: str
) -> None:
    server = serve()
    assert ping.ping(f"http://{server.address}/{SECRET}/?rid=1", rows) == ""
    assert server.taken == [(path, body)]


def test_a_failed_heartbeat_ping_is_reported_without_its_address(serve: Callable[..., Receiver]) -> None:
    server = serve(404)
    assert ping.ping(_url(server), ROWS) == "it answered 404"
    assert ping.ping(f"http://127.0.0.1:1/{SECRET}", ROWS) == "curl left with 7"
