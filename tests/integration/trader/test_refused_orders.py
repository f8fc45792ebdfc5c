"""A market that refuses orders gets few of them, and the others go on: no order is repeated because a tick came."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.fakes import reply
from tests.integration.trader import faults
from tests.integration.trader.stage import Fault, Send, Stage, is_create

from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import rule

TICKS = 14
BETWEEN = timedelta(minutes=5)


def ticker_of(request: httpx2.Request) -> str:
    return str(json.loads(request.content)["ticker"])


def refused(status: int, code: str, details: str = "") -> Fault:
    """The exchange's answer to a create, in place of the one that it would give."""

    def answer(request: httpx2.Request, send: Send) -> httpx2.Response:
        del request, send
        return reply({"error": {"code": code, "message": code.replace("_", " "), "details": details}}, status)

    return answer


def halt_in(stage: Stage, ticker: str) -> None:
    """Let that market take no order for the rest of the day, while it is listed as active."""
    stage.exchange.simulator.faults.arm(rule(FaultKind.MARKET_HALTED, ticker=ticker, seconds=86_400))


def play_in_first_market(stage: Stage, fault: Fault | None) -> list[str]:
    """Play a fault at every create in the market that gets the first one; None halts that market at the exchange."""
    struck: list[str] = []

    def play(request: httpx2.Request, send: Send) -> httpx2.Response:
        if is_create(request) and not struck:
            struck.append(ticker_of(request))
            if fault is None:
                halt_in(stage, struck[0])
        if fault is not None and is_create(request) and ticker_of(request) == struck[0]:
            return fault(request, send)
        return send(request)

    stage.wire.always = play
    return struck


def tick_often(stage: Stage) -> None:
    for _ in range(TICKS):
        stage.tick()
        stage.later(seconds=BETWEEN.total_seconds())


def sent(stage: Stage) -> Counter[str]:
    return Counter(ticker_of(request) for request in stage.wire.creates)


def orders_in(stage: Stage, ticker: str) -> list[dict[str, Any]]:
    return stage.rows("SELECT * FROM ops.orders WHERE ticker = :ticker ORDER BY id", ticker=ticker)


@pytest.mark.parametrize(
    ("fault", "most", "reason"),
    [
        (None, 2, "trading_is_paused"),
        (refused(400, "trading_is_paused"), 2, "trading_is_paused"),
        (refused(409, "brand_new", "of today"), 2, ", after HTTP 409 brand_new: of today"),
        (faults.timeout_before_arrival, 3, "absent at the exchange as of "),
    ],
    ids=["halted", "halted with a 400", "an unknown code", "no answer"],
)
def test_a_market_that_takes_no_order_gets_few_in_fourteen_ticks(
    stage: Stage, fault: Fault | None, most: int, reason: str
) -> None:
    struck = play_in_first_market(stage, fault)
    tick_often(stage)
    (ticker,) = struck
    assert 1 <= sent(stage)[ticker] <= most
    orders = orders_in(stage, ticker)
    assert {order["state"] for order in orders} == {"rejected"}
    assert all(reason in order["state_reason"] for order in orders)
    assert stage.value("SELECT count(*) FROM ops.trading_holds") == 0, "one market does not stop the platform"
    assert sent(stage).keys() - {ticker}, "other markets go on"


def test_a_halted_market_is_held_with_the_reason_and_the_time(stage: Stage) -> None:
    struck = play_in_first_market(stage, None)
    stage.tick()
    first = orders_in(stage, struck[0])[0]
    stage.later(minutes=5)
    stage.tick()
    newest = "SELECT * FROM ops.signals WHERE ticker = :ticker ORDER BY id DESC LIMIT 1"
    (signal,) = stage.rows(newest, ticker=struck[0])
    assert (signal["decision"], signal["reasons"]["codes"]) == ("hold", ["refused_lately"])
    assert signal["reasons"]["refused"] == "trading_is_paused"
    assert datetime.fromisoformat(signal["reasons"]["until"]) == first["created_at"] + timedelta(minutes=30)


def test_a_market_that_continues_gets_its_order_once_its_time_is_over(stage: Stage) -> None:
    struck: list[str] = []

    def halt_once(request: httpx2.Request, send: Send) -> httpx2.Response:
        struck.append(ticker_of(request))
        return refused(409, "trading_is_paused")(request, send)

    stage.exchange.hold_prices()
    stage.wire.faults = [halt_once]
    tick_often(stage)
    states = [order["state"] for order in orders_in(stage, struck[0])]
    assert states[:2] == ["rejected", "filled"]


def test_post_only_crosses_keep_their_details_and_do_not_halt(stage: Stage) -> None:
    stage.wire.faults = [refused(400, "invalid_order", "post only cross") for _ in range(6)]
    for _ in range(3):
        stage.tick()
        stage.later(minutes=4)
    stage.tick()
    crossed = stage.rows("SELECT * FROM ops.orders WHERE state_reason = 'invalid_order: post only cross'")
    assert len(crossed) == 6, "this world must offer six orders within a quarter of an hour"
    assert {order["state"] for order in crossed} == {"rejected"}
    assert stage.value("SELECT count(*) FROM ops.trading_holds") == 0


@pytest.mark.parametrize("status", [400, 409])
def test_an_exchange_that_pauses_every_market_trips_the_breaker(stage: Stage, status: int) -> None:
    stage.wire.faults = [refused(status, "trading_is_paused") for _ in range(100)]
    for _ in range(3):
        stage.tick()
        stage.later(minutes=4)
    stage.tick()
    assert stage.rows("SELECT source FROM ops.trading_holds") == [{"source": "breaker rejects"}]
    most = max(sent(stage).values())
    assert most == 1, "each market is left alone meanwhile"


def test_an_exchange_whose_every_answer_is_new_trips_the_breaker_too(stage: Stage) -> None:
    stage.wire.faults = [refused(409, "brand_new") for _ in range(100)]
    for _ in range(3):
        stage.tick()
        stage.later(minutes=4)
    stage.tick()
    assert stage.rows("SELECT source FROM ops.trading_holds") == [{"source": "breaker rejects"}]
