"""Whatever the exchange answers, a call ends with a value or with an error that says so, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.any_reply import expect_a_value_or_words, names_of, replies
from tests.fakes import NOON, FakeClock
from tests.unit.venue.test_order_outcomes import INTENT

from milkbot.domain.unread import Unread
from milkbot.http import Backoff
from milkbot.venue.client import KalshiClient
from milkbot.venue.signing import ApiCredentials
from milkbot.venue.wire import exchange, groups, markets, portfolio
from milkbot.venue.wire.base import WireModel

CALLS: dict[str, Callable[[KalshiClient], Any]] = {
    "status": lambda client: client.exchange_status(),
    "schedule": lambda client: client.schedule(),
    "user data": lambda client: client.user_data_as_of(),
    "limits": lambda client: client.adopt_account_limits(),
    "fees": lambda client: client.fee_schedule("KXHIGHNY"),
    "series": lambda client: client.listed_series("Climate and Weather", unread=Unread()),
    "open events": lambda client: client.open_events("KXHIGHNY", unread=Unread()),
    "named events": lambda client: client.events_named(["KXHIGHNY-26JUL19"], unread=Unread()),
    "event": lambda client: client.event("KXHIGHNY-26JUL19"),
    "order books": lambda client: client.orderbooks(["KXHIGHNY-26JUL19-B80.5"], unread=Unread()),
    "balance": lambda client: client.balance(),
    "positions": lambda client: client.positions(unread=Unread()),
    "orders": lambda client: client.orders(unread=Unread()),
    "order": lambda client: client.order("85f92316"),
    "queue": lambda client: client.queued(["KXHIGHNY-26JUL19-B80.5"]),
    "fills": lambda client: client.fills(since=NOON, unread=Unread()),
    "settlements": lambda client: client.settlements(unread=Unread()),
    "groups": lambda client: client.order_group_ids(),
    "group": lambda client: client.order_group("g"),
    "new group": lambda client: client.create_order_group(100),
    "trigger": lambda client: client.trigger_order_group("g"),
    "new order": lambda client: client.create_order(INTENT),
    "cancel": lambda client: client.cancel_order("85f92316", 0),
    "cancel all": lambda client: client.cancel_all(),
}
_MODELS = (
    model
    for module in (exchange, groups, markets, portfolio)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, WireModel)
)
NAMES = [*names_of(_MODELS), "cursor", "error", "code", "message", "details"]


@pytest.mark.parametrize("call", CALLS)
@settings(derandomize=True, max_examples=50)
@given(data=st.data())
def test_any_reply_is_a_value_or_an_error_that_says_so(call: str, data: st.DataObject) -> None:
    key = ApiCredentials("id", ed25519.Ed25519PrivateKey.generate())

    def answer(_: httpx2.Request) -> httpx2.Response:
        return data.draw(replies(NAMES))

    once = Backoff(attempts=1, base_seconds=0, longest_seconds=0)
    client = KalshiClient("https://exchange.test/trade-api/v2", key, FakeClock(), httpx2.MockTransport(answer), once)
    expect_a_value_or_words(lambda: CALLS[call](client))
