"""The exchange-side order group: the last net. Every order of ours is in it, and the exchange enforces its limit.

When more contracts than its limit trade within 15 seconds, or when it is triggered manually, the exchange cancels all
its orders and takes no new one until it is reset.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Engine

from milkbot.db import holds, order_groups
from milkbot.db.order_groups import Act
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import Effect
from milkbot.risk.breakers import Breaker, source_of
from milkbot.settings import Settings
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import OrderGroupError, VenueReadError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Group:
    """The group of a tick's orders. No order is sent while it is not `ready`; `id` None: there shall be none."""

    id: str | None
    ready: bool


def ensure(engine: Engine, venue: KalshiClient, settings: Settings, now: datetime) -> Group:
    """The group that new orders belong to. Called by a tick before it evaluates the breakers.

    Makes the group where there is none, or none with this limit; resets one whose trigger an operator has acknowledged;
    and stores that the exchange triggered it, which trips the breaker. Killed at any point it may be called again: at
    worst a group without orders is left at the exchange.
    """
    if settings.order_group_contracts == 0:
        return Group(None, ready=True)
    try:
        return Group(_ensured(engine, venue, settings, now), ready=True)
    except (VenueReadError, OrderGroupError) as error:
        log.error("no order group", problem=str(error))
        return Group(None, ready=False)


def _ensured(engine: Engine, venue: KalshiClient, settings: Settings, now: datetime) -> str:
    limit, mode = settings.order_group_contracts, settings.trading_mode
    with transaction(engine) as session:
        newest = order_groups.newest(session, mode)
        acknowledged = holds.acknowledgements(session, mode).get(source_of(Breaker.ORDER_GROUP))
    if newest is None:
        return _create(engine, venue, mode, limit, now)
    group_id, triggered = newest.venue_group_id, newest.act == Act.TRIGGERED
    if triggered and (acknowledged is None or acknowledged < newest.at):
        return group_id
    if newest.contracts_limit != limit or group_id not in venue.order_group_ids():
        return _create(engine, venue, mode, limit, now)
    if triggered:
        venue.reset_order_group(group_id)
        _record(engine, mode, Act.RESET, group_id, limit, "an operator resumed", now)
    elif not venue.order_group(group_id).is_active:
        _record(engine, mode, Act.TRIGGERED, group_id, limit, "the exchange says that it takes no orders", now)
    return group_id


def trigger(engine: Engine, venue: KalshiClient, mode: TradingMode, now: datetime, reason: str) -> bool:
    """Have the exchange cancel all orders of the group and take none; returns whether there is a group to trigger.

    Halts trading until `milkbot resume`, after which the next tick resets the group. That is stored before the exchange
    is called: killed between, everything halts all the same. A group that is triggered already is not changed.
    """
    with transaction(engine) as session:
        newest = order_groups.newest(session, mode)
        if newest is None or newest.act == Act.TRIGGERED:
            return False
        group_id, limit = newest.venue_group_id, newest.contracts_limit
        order_groups.record(session, mode, Act.TRIGGERED, group_id, limit, reason=reason, at=now)
        text = f"the order group {group_id} was triggered: {reason}"
        holds.add(session, mode, source=source_of(Breaker.ORDER_GROUP), effect=Effect.HALTED, reason=text, since=now)
        holds.publish(session, mode, now)
    venue.trigger_order_group(group_id)
    return True


def _create(engine: Engine, venue: KalshiClient, mode: TradingMode, limit: int, now: datetime) -> str:
    group_id = venue.create_order_group(limit)
    _record(engine, mode, Act.CREATED, group_id, limit, "no group with this limit was there", now)
    log.info("order group created", group=group_id, contracts=limit)
    return group_id


def _record(engine: Engine, mode: TradingMode, act: Act, group_id: str, limit: int, reason: str, now: datetime) -> None:
    with transaction(engine) as session:
        order_groups.record(session, mode, act, group_id, limit, reason=reason, at=now)
