"""`milkbot tick` as the timer runs it: what it exits with, and the one sentence that it says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import text
from tests.cli import Milkbot, finished, start_milkbot
from tests.exchange import TRADER, Keys, environment
from tests.integration.trader.stage import cut_off, reconnect
from tests.metrics import samples
from tests.patience import PATIENCE
from tests.postgres import Cluster, TestDatabase


class Gate:
    """Lets requests pass to the exchange, but only once it is open."""

    def __init__(self, exchange: str) -> None:
        self.exchange = exchange
        self.asked = threading.Event()
        self.open = threading.Event()
        self.origin = ""


@contextmanager
def gate_before(exchange: str) -> Iterator[Gate]:
    """A server that passes GET requests on to the exchange, from the moment at which its gate is opened."""
    gate = Gate(exchange)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gate.asked.set()
            gate.open.wait(PATIENCE)
            passed = Request(gate.exchange + self.path, headers=dict(self.headers))
            with urlopen(passed, timeout=PATIENCE) as answer:
                body = answer.read()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gate.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield gate
    finally:
        gate.open.set()
        server.shutdown()
        server.server_close()
        thread.join()


def outcomes(database: TestDatabase) -> list[str | None]:
    with database.engine().connect() as connection:
        return list(connection.scalars(text("SELECT outcome FROM ops.ticks ORDER BY id")))


def test_second_tick_exits_at_once_and_the_first_one_completes(origin: str, keys: Keys, database: TestDatabase) -> None:
    with gate_before(origin) as gate:
        wanted = environment(gate.origin, keys, database, TRADING_SERIES="KXHIGHNY", TRADING_MODE="shadow")
        first = start_milkbot(wanted, "tick")
        assert gate.asked.wait(PATIENCE), "the first tick must hold the lock before the second one begins"
        second = finished(start_milkbot(wanted, "tick"))
        gate.open.set()
        done = finished(first)
    assert second.code == 75
    assert second.sentences == ["milkbot: another tick in mode shadow is running; this one ends"]
    assert done.code == 0
    assert outcomes(database) in (["completed"], ["paused"])


def test_stopped_database_fails_the_tick_with_one_sentence_and_no_order(
    origin: str, keys: Keys, database: TestDatabase, cluster: Cluster
) -> None:
    with gate_before(origin) as gate:
        cut_off(cluster, database)
        done = finished(start_milkbot(environment(gate.origin, keys, database), "tick"))
        reconnect(cluster, database)
        assert not gate.asked.is_set(), "without a database nothing may be asked of the exchange"
    assert done.code == 71
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("milkbot: the database does not answer: ")
    assert done.err.endswith("; no order was sent\n")


def test_database_without_schema_fails_the_tick_with_one_sentence(keys: Keys, empty_database: TestDatabase) -> None:
    wanted = environment("http://127.0.0.1:1", keys, empty_database, role="milkbot")
    done = finished(start_milkbot(wanted, "tick"))
    assert done.code == 71
    assert len(done.err.splitlines()) == 1
    assert done.err.endswith("run: milkbot db upgrade\n")


def test_stopped_exchange_fails_the_tick_with_one_sentence_and_a_failed_row(
    milkbot: Milkbot, database: TestDatabase
) -> None:
    done = milkbot("tick", **database.environment(TRADER))
    assert done.code == 69
    (sentence,) = done.sentences
    assert sentence.startswith("milkbot: the exchange did not answer: ")
    assert "Traceback" not in done.err
    assert outcomes(database) == ["failed"]


def test_tick_prints_its_line_and_writes_its_metrics(connected: Milkbot, tmp_path: Path) -> None:
    done = connected("tick", MILKBOT_METRICS_DIRECTORY=str(tmp_path))
    assert done.code == 0
    assert done.out.startswith("tick 1 ")
    assert _metrics(tmp_path, "trader")['milkbot_tick_outcome{mode="demo",outcome="failed"}'] == 0
    assert _metrics(tmp_path, "trader_run")['milkbot_run_exit_code{component="trader"}'] == 0
    assert connected("rollups", MILKBOT_METRICS_DIRECTORY=str(tmp_path)).code == 0
    assert "milkbot_rollups_completed_timestamp_seconds" in _metrics(tmp_path, "rollups")
    assert _metrics(tmp_path, "rollups_run")['milkbot_run_exit_code{component="rollups"}'] == 0


def test_tick_without_a_database_keeps_the_metrics_of_the_one_before(connected: Milkbot, tmp_path: Path) -> None:
    assert connected("tick", MILKBOT_METRICS_DIRECTORY=str(tmp_path)).code == 0
    before = _metrics(tmp_path, "trader")
    nowhere = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1"}
    assert connected("tick", MILKBOT_METRICS_DIRECTORY=str(tmp_path), **nowhere).code == 71
    assert _metrics(tmp_path, "trader_run")['milkbot_run_exit_code{component="trader"}'] == 71
    # The numbers of the ledger are those of the tick that saw them, and their time says so.
    assert _metrics(tmp_path, "trader") == before


def _metrics(directory: Path, name: str) -> dict[str, float]:
    return samples((directory / f"{name}.prom").read_text("utf-8"))


def test_metrics_file_that_cannot_be_written_does_not_fail_the_tick(connected: Milkbot, database: TestDatabase) -> None:
    done = connected("tick", MILKBOT_METRICS_DIRECTORY="/nowhere")
    assert done.code == 0
    assert "metrics file not written" in done.err
    assert outcomes(database) in (["completed"], ["paused"])


def test_live_tick_that_is_not_armed_opens_no_socket(
    milkbot: Milkbot, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"a name was resolved before live trading was armed: {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    live = {"TRADING_MODE": "live", "KALSHI_API_BASE": "https://external-api.kalshi.com/trade-api/v2"}
    done = milkbot("tick", **live)
    assert done.code == 77
    assert done.sentences == ["milkbot: live trading is not armed; an operator arms it with: milkbot arm-live"]
    assert outcomes(database) == []
