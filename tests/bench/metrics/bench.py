"""What measuring costs the API: python -m tests.bench.metrics.bench [REQUESTS]

Answers the same requests with and without the metrics, in this process and without a network, so that the difference
is the metrics' own; in turns, and by the processor's time, so that what else the machine does falls on neither. Prints
microseconds a request, the median of the rounds.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from fastapi import FastAPI
from sqlalchemy import create_engine
from starlette.types import Message

from milkbot.analytics.service import application
from milkbot.analytics.service.schemas import Trades

ROUNDS = 100
_ANSWER = Trades(mode=None, as_of=datetime(2026, 8, 3, tzinfo=UTC), delay_minutes=60, trades=[])


def scope(path: str) -> dict[str, Any]:
    """A request as the server hands it over."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }


async def once(app: FastAPI, path: str) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} answered {message['status']}")

    await app(scope(path), receive, send)


async def microseconds(app: FastAPI, path: str, requests: int) -> float:
    """The processor's time of a request, as its share of that many."""
    began = time.process_time()
    for _ in range(requests):
        await once(app, path)
    return (time.process_time() - began) / requests * 1e6


def applications() -> tuple[FastAPI, FastAPI]:
    """The service with its metrics, and without."""
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with patch.object(application, "add_metrics", lambda _app, _engine: None):
        plain = application.create_app(engine)
    return application.create_app(engine), plain


async def main(requests: int) -> None:
    with patch.object(application, "read_trades", lambda *_: _ANSWER):
        measured, plain = applications()
        path = "/v1/trades/recent"
        for app in (measured, plain):
            await microseconds(app, path, 200)
        rounds = [
            (
                await microseconds(measured, path, requests // ROUNDS),
                await microseconds(plain, path, requests // ROUNDS),
            )
            for _ in range(ROUNDS)
        ]
    with_metrics, without = (statistics.median(column) for column in zip(*rounds, strict=True))
    difference = statistics.median(row[0] - row[1] for row in rounds)
    print(f"with metrics {with_metrics:.1f}, without {without:.1f}, difference {difference:.1f} microseconds a request")
    print(f"a reading of /metrics {await microseconds(measured, '/metrics', 200):.0f} microseconds")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
