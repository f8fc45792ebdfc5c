"""With a wrong clock every price looks fresh and every signature may be refused: then nothing is decided and sent."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
from tests.fakes import NOON, Answer, FakeClock, ScriptedServer, reply
from tests.unit.venue.orders import KEY, created, intent
from tests.unit.venue.served import BACKOFF, BASE

from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import ClockSkewError, OrderNotSentError
from milkbot.venue.signing import ApiCredentials

FRESH = {"as_of_time": "2026-07-18T12:00:00Z"}


def dated(body: object, ahead: float, status: int = 200) -> Answer:
    """A reply of an exchange whose clock is that many seconds ahead of ours."""
    return reply(body, status, {"Date": format_datetime(NOON + timedelta(seconds=ahead), usegmt=True)})


def client(*answers: Answer, **options: float | None) -> tuple[KalshiClient, ScriptedServer]:
    server = ScriptedServer(*answers)
    credentials = ApiCredentials("id", KEY)
    return KalshiClient(BASE, credentials, FakeClock(), server.transport, BACKOFF, **options), server  # type: ignore[arg-type]


@pytest.mark.parametrize(("ahead", "refused"), [(9, False), (11, True), (-9, False), (-12, True)])
def test_a_read_is_refused_above_the_bound_in_either_direction(ahead: int, *, refused: bool) -> None:
    kalshi, _ = client(dated(FRESH, ahead))
    if refused:
        with pytest.raises(ClockSkewError, match="more than 10; synchronise it"):
            kalshi.user_data_as_of()
    else:
        assert kalshi.user_data_as_of() == NOON


def test_the_bound_is_an_argument_and_may_be_none() -> None:
    strict, _ = client(dated(FRESH, 5), max_skew_seconds=3)
    with pytest.raises(ClockSkewError, match="more than 3"):
        strict.user_data_as_of()
    careless, _ = client(dated(FRESH, 3600), max_skew_seconds=None)
    assert careless.user_data_as_of() == NOON


def test_a_wrong_clock_is_named_even_if_the_signature_was_refused() -> None:
    kalshi, server = client(dated({"error": {"code": "authentication_error"}}, 60, 401))
    with pytest.raises(ClockSkewError, match=r"60\.5 seconds behind"):
        kalshi.balance()
    assert len(server.requests) == 1


def test_a_status_in_a_503_is_refused_with_a_wrong_clock() -> None:
    closed = {"exchange_active": False, "trading_active": False}
    kalshi, _ = client(*[dated(closed, 60, 503)] * 3)
    with pytest.raises(ClockSkewError):
        kalshi.exchange_status()


def test_a_wrong_clock_stops_orders_but_no_answer_or_cancel() -> None:
    kalshi, server = client(dated(created(), 60, 201), dated({"order_id": "o", "reduced_by": "1.00"}, 60))
    assert kalshi.create_order(intent()).order_id == "order-of-mb-1"
    with pytest.raises(OrderNotSentError, match="behind the exchange's"):
        kalshi.create_order(intent("mb-2"))
    assert kalshi.cancel_order("o", 0) == 1
    assert len(server.requests) == 2


def test_a_corrected_clock_allows_orders_again() -> None:
    kalshi, _ = client(dated(FRESH, 60), dated(FRESH, 0), dated(created(), 0, 201))
    with pytest.raises(ClockSkewError):
        kalshi.user_data_as_of()
    kalshi.user_data_as_of()
    assert kalshi.create_order(intent()).client_order_id == "mb-1"
