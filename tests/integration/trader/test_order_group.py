"""The last net: every order is in the exchange's group, and nothing is sent when it is not there or was triggered."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.orm import Session
from tests.integration.trader.stage import Stage

from milkbot.db import holds
from milkbot.domain.modes import TradingMode
from milkbot.trader.orders import order_group
from milkbot.venue.errors import OrderGroupError

ACTS = "SELECT act, venue_group_id, contracts_limit FROM ops.order_groups ORDER BY id"


def acts(stage: Stage) -> list[str]:
    return [row["act"] for row in stage.rows(ACTS)]


def denied(stage: Stage) -> set[str]:
    query = "SELECT DISTINCT event_type FROM ops.risk_events WHERE event_type LIKE 'denied%'"
    return {row["event_type"] for row in stage.rows(query)}


def trigger(stage: Stage, reason: str = "a test") -> bool:
    with stage.venue() as venue:
        return order_group.trigger(stage.owner, venue, TradingMode.DEMO, stage.exchange.now(), reason)


def resume(stage: Stage) -> None:
    now = stage.exchange.now()
    with Session(stage.owner) as session, session.begin():
        in_force = holds.holds(session, TradingMode.DEMO, now)
        holds.resume(session, TradingMode.DEMO, in_force, by="operator", at=now, note="a test")


def test_every_order_carries_the_group_that_was_made_once(stage: Stage) -> None:
    stage.tick()
    stage.later(minutes=5)
    stage.tick()
    (made,) = stage.rows(ACTS)
    assert (made["act"], made["contracts_limit"]) == ("created", 1000)
    sent = {json.loads(request.content)["order_group_id"] for request in stage.wire.creates}
    assert sent == {made["venue_group_id"]}
    with stage.venue() as venue:
        assert venue.order_group_ids() == [made["venue_group_id"]]


def test_another_limit_makes_another_group(stage: Stage) -> None:
    stage.tick()
    stage.settings = stage.settings.model_copy(update={"order_group_contracts": 500})
    stage.later(minutes=5)
    stage.tick()
    assert [(row["act"], row["contracts_limit"]) for row in stage.rows(ACTS)] == [("created", 1000), ("created", 500)]


def test_a_limit_of_zero_makes_no_group(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(update={"order_group_contracts": 0})
    stage.tick()
    assert stage.wire.creates
    assert acts(stage) == []


def test_a_triggered_group_halts_until_resumed_and_is_reset_by_the_next_tick(stage: Stage) -> None:
    stage.tick()
    assert trigger(stage)
    assert not trigger(stage), "it is triggered already"
    stage.wire.requests.clear()
    stage.later(minutes=5)
    report = stage.tick()
    assert report.message == "trading state is halted"
    assert stage.wire.creates == []
    state = stage.rows("SELECT state, reason FROM ops.trading_states ORDER BY id DESC LIMIT 1")[0]
    assert state["state"] == "halted"
    assert state["reason"].endswith("was triggered: a test")

    stage.later(minutes=5)
    resume(stage)
    stage.later(minutes=5)
    stage.tick()
    assert acts(stage) == ["created", "triggered", "reset"]
    with stage.venue() as venue:
        assert venue.order_group(stage.rows(ACTS)[0]["venue_group_id"]).is_active


def test_a_group_that_the_exchange_triggered_is_found_and_halts(stage: Stage) -> None:
    stage.tick()
    with stage.venue() as venue:
        venue.trigger_order_group(stage.rows(ACTS)[0]["venue_group_id"])
    stage.later(minutes=5)
    assert stage.tick().message == "trading state is halted"
    assert acts(stage) == ["created", "triggered"]
    alarm = stage.rows("SELECT message FROM ops.risk_events WHERE event_type = 'breaker'")
    assert ["the exchange says that it takes no orders" in row["message"] for row in alarm] == [True]


def test_without_an_order_group_nothing_is_sent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> str:
        raise OrderGroupError("creating an order group: HTTP 500")

    monkeypatch.setattr("milkbot.venue.client.KalshiClient.create_order_group", refused)
    stage.tick()
    assert stage.wire.creates == []
    assert denied(stage) == {"denied_order_group_missing"}
    monkeypatch.undo()
    stage.later(minutes=5)
    stage.tick()
    assert stage.wire.creates, "the next tick makes it"


def test_a_group_that_was_lost_at_the_exchange_is_made_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.tick()
    monkeypatch.setattr("milkbot.venue.client.KalshiClient.order_group_ids", lambda _: [])
    stage.later(minutes=5)
    stage.tick()
    assert acts(stage) == ["created", "created"]
