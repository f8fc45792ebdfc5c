"""Reading the account: what it costs does not grow with how long an order is open."""

from __future__ import annotations

from datetime import timedelta

from tests.integration.trader.stage import Stage
from tests.integration.trader.test_ledger_differences import close_all, rest_an_order


def listings(stage: Stage) -> list[dict[str, str]]:
    path = "/portfolio/orders"
    return [dict(request.url.params) for request in stage.wire.requests if request.url.path.endswith(path)]


def test_ticks_list_only_resting_orders_whatever_their_age(stage: Stage) -> None:
    rest_an_order(stage, "by-hand")
    stage.tick()
    close_all(stage)
    stage.act("UPDATE ops.orders SET created_at = :then", then=stage.exchange.now() - timedelta(days=40))
    stage.later(minutes=5)
    stage.wire.requests.clear()
    stage.tick()
    assert [asked.get("status") for asked in listings(stage)] == ["resting"]


def test_old_order_that_no_longer_rests_is_found_by_its_ticker(stage: Stage) -> None:
    order_id = rest_an_order(stage, "by-hand")
    stage.tick()
    stage.act("UPDATE ops.orders SET created_at = :then", then=stage.exchange.now() - timedelta(days=40))
    with stage.venue() as venue:
        venue.cancel_order(order_id, 0)
    stage.later(minutes=5)
    stage.wire.requests.clear()
    stage.tick()
    assert {"ticker"} <= set().union(*listings(stage))
    assert stage.value("SELECT state FROM ops.orders WHERE venue_order_id = :id", id=order_id) == "canceled"
