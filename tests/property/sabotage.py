"""Traders that are broken on purpose, each in a way in which real ones are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from milkbot.domain.clock import Deadline
from milkbot.domain.orders import OrderIntent, OrderState
from milkbot.domain.trading_state import TradingState
from milkbot.trader.orders.manager import OrderManager
from milkbot.trader.reconcile.statement import Reach
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import OrderOutcomeUnknownError, OrderRejectedError
from milkbot.venue.values import PlacedOrder
from milkbot.venue.wire.orders import CreateOrder

Sabotage = AbstractContextManager[Any]


def sends_again_what_was_not_answered() -> Sabotage:
    """A create is retried like a read."""
    create = KalshiClient.create_order

    def retried(venue: KalshiClient, intent: OrderIntent, deadline: Deadline) -> PlacedOrder:
        try:
            return create(venue, intent, deadline)
        except OrderOutcomeUnknownError:
            return create(venue, intent, deadline)

    return patch.object(KalshiClient, "create_order", retried)


def sends_again_under_a_new_name() -> Sabotage:
    """A create is retried with a fresh client id, as the exchange's own starter code did."""
    create = KalshiClient.create_order

    def retried(venue: KalshiClient, intent: OrderIntent, deadline: Deadline) -> PlacedOrder:
        try:
            return create(venue, intent, deadline)
        except OrderOutcomeUnknownError:
            return create(venue, replace(intent, client_order_id=f"{intent.client_order_id}-2"), deadline)

    return patch.object(KalshiClient, "create_order", retried)


def takes_silence_for_a_refusal() -> Sabotage:
    """An order without an answer is forgotten as rejected."""
    create = KalshiClient.create_order

    def refused(venue: KalshiClient, intent: OrderIntent, deadline: Deadline) -> PlacedOrder:
        try:
            return create(venue, intent, deadline)
        except OrderOutcomeUnknownError as error:
            raise OrderRejectedError("timeout", str(error), 0) from error

    return patch.object(KalshiClient, "create_order", refused)


@contextmanager
def sends_before_it_commits() -> Iterator[None]:
    """The order is written down when its answer is there."""
    create = KalshiClient.create_order
    place = OrderManager.place

    def placed(manager: OrderManager, intent: OrderIntent, context: Any) -> OrderState:
        try:
            answer: Any = create(manager._venue, intent)  # noqa: SLF001 - broken from the inside
        except (OrderRejectedError, OrderOutcomeUnknownError) as error:
            answer = error

        def known(_: KalshiClient, __: OrderIntent, ___: Deadline) -> PlacedOrder:
            if isinstance(answer, Exception):
                raise answer
            found: PlacedOrder = answer
            return found

        with patch.object(KalshiClient, "create_order", known):
            return place(manager, intent, context)

    with patch.object(OrderManager, "place", placed):
        yield


def reads_no_fill_twice() -> Sabotage:
    """Fills and orders are read from after the newest one that is known: what appears late is never seen."""

    def after(_: Reach, newest: datetime | None) -> datetime | None:
        return None if newest is None else newest + timedelta(seconds=2)

    return patch.object(Reach, "before", after)


def has_no_limits() -> Sabotage:
    """The risk engine lets everything pass."""
    return patch("milkbot.trader.decide.approval.denials", lambda *_, **__: ())


@contextmanager
def trades_while_it_is_halted() -> Iterator[None]:
    """The operator's halt is stored, and nobody checks."""
    with patch("milkbot.trader.trading_loop.TradingLoop._trading_state", lambda *_: TradingState.ACTIVE):
        yield


def sells_without_saying_so() -> Sabotage:
    """An order that is to close a position is sent as any other."""
    return patch(
        "milkbot.venue.calls.orders.CreateOrder", lambda **fields: CreateOrder(**fields | {"reduce_only": False})
    )


def tries_a_stopped_market_again() -> Sabotage:
    """What a market answered is forgotten by the next tick."""
    return patch("milkbot.trader.decide.decider.left_alone", lambda *_: {})


def lets_one_series_stop_the_tick() -> Sabotage:
    """What one series answers is an error of the whole tick."""
    return patch("milkbot.trader.observe.observation.UnusableReplyError", ZeroDivisionError)


def takes_nothing_seen_for_health() -> Sabotage:
    """A tick that saw nothing of a series reports that all is well."""
    return patch("milkbot.trader.observe.coverage.count", lambda *_: None)


def forgets_the_answer() -> Sabotage:
    """What the exchange said is not written down, and what was listed neither."""
    return patch("milkbot.db.orders.move", lambda *_, **__: False)
