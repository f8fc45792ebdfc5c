"""A client that trusts a status alone doubles or forgets orders: what it sees, and what the exchange really has."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.in_process import Venue
from tests.unit.simulator.intents import resting, taking

from milkbot.http import Backoff
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import rule
from milkbot.venue.errors import (
    CancelFailedError,
    ClockSkewError,
    OrderNotSentError,
    OrderOutcomeUnknownError,
    OrderRejectedError,
    VenueReadError,
)


def outcome(venue: Venue) -> type[Exception] | None:
    """What the client makes of an order."""
    try:
        venue.client.create_order(resting())
    except (OrderRejectedError, OrderOutcomeUnknownError) as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("fault", "what", "seen", "accepted"),
    [
        (FaultKind.ACCEPTED_REPLY_LOST, {}, OrderOutcomeUnknownError, True),
        (FaultKind.DELAYED_REPLY, {"seconds": 16}, OrderOutcomeUnknownError, True),
        (FaultKind.DELAYED_REPLY, {"seconds": 14}, None, True),
        (FaultKind.ERROR_BEFORE, {"status": 500}, OrderOutcomeUnknownError, False),
        (FaultKind.ERROR_AFTER, {"status": 504}, OrderOutcomeUnknownError, True),
        (FaultKind.OK_WITH_ERROR_BODY, {}, OrderOutcomeUnknownError, False),
        (FaultKind.OK_WITH_ERROR_BODY, {"accepted": True}, OrderOutcomeUnknownError, True),
        (FaultKind.DUPLICATE_CONFLICT, {}, OrderOutcomeUnknownError, True),
        (FaultKind.RATE_LIMITED, {}, OrderRejectedError, False),
        (FaultKind.CONNECTION_RESET, {}, OrderOutcomeUnknownError, False),
    ],
)
def test_a_create_is_known_only_where_the_answer_proves_it(
    venue: Venue, fault: FaultKind, what: dict[str, object], seen: type[Exception] | None, *, accepted: bool
) -> None:
    venue.simulator.faults.arm(rule(fault, call="create", **what))
    assert outcome(venue) is seen
    assert [order.client_order_id for order in venue.orders] == (["mb-1"] if accepted else [])
    assert len(venue.client.orders()) == len(venue.orders)


@pytest.mark.parametrize(
    ("fault", "canceled"),
    [
        (FaultKind.ACCEPTED_REPLY_LOST, True),
        (FaultKind.ERROR_AFTER, True),
        (FaultKind.ERROR_BEFORE, False),
        (FaultKind.RATE_LIMITED, False),
        (FaultKind.CONNECTION_RESET, False),
        (FaultKind.OK_WITH_ERROR_BODY, False),
    ],
)
def test_a_cancel_without_a_proof_counts_as_failed(venue: Venue, fault: FaultKind, *, canceled: bool) -> None:
    placed = venue.client.create_order(resting())
    venue.simulator.faults.arm(rule(fault, call="cancel"))
    with pytest.raises(CancelFailedError):
        venue.client.cancel_order(placed.order_id, 0)
    assert venue.orders[0].status == ("canceled" if canceled else "resting")


def test_a_repeated_cancel_reports_that_nothing_was_canceled(venue: Venue) -> None:
    placed = venue.client.create_order(resting())
    venue.simulator.faults.arm(rule(FaultKind.DUPLICATE_CONFLICT, call="cancel"))
    assert venue.client.cancel_order(placed.order_id, 0) == 0
    assert venue.orders[0].status == "canceled"


def test_a_read_retries_after_429_and_a_create_does_not(venue: Venue) -> None:
    patient = venue.new_client(backoff=Backoff(4, 1.0, 8.0, jitter=lambda: 1.0))
    venue.simulator.faults.arm(rule(FaultKind.RATE_LIMITED, times=3, call="balance"))
    started = venue.now()
    assert patient.balance().cash == 1000
    assert venue.now() - started == timedelta(seconds=7)
    venue.simulator.faults.arm(rule(FaultKind.RATE_LIMITED, times=None, call="create"))
    with pytest.raises(OrderRejectedError, match="too_many_requests"):
        patient.create_order(resting())
    assert sum(method == "POST" for method, _, _ in venue.wire.requests) == 1


def test_reads_are_retried_after_resets_and_5xx_a_limited_number_of_times(venue: Venue) -> None:
    patient = venue.new_client(backoff=Backoff(4, 0.1, 0.1))
    kinds = (FaultKind.CONNECTION_RESET, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER)
    venue.simulator.faults.arm(*(rule(kind) for kind in kinds))
    assert patient.balance().cash == 1000
    venue.simulator.faults.arm(rule(FaultKind.ERROR_BEFORE, times=None, status=502))
    with pytest.raises(VenueReadError, match="502 service_unavailable"):
        patient.balance()


@pytest.mark.parametrize("seconds", [25, -25])
def test_a_wrong_clock_stops_reads_and_orders_but_no_cancel(venue: Venue, seconds: int) -> None:
    placed = venue.client.create_order(resting())
    venue.simulator.faults.arm(rule(FaultKind.CLOCK_SKEW, seconds=seconds, times=None))
    with pytest.raises(ClockSkewError, match="behind" if seconds > 0 else "ahead of"):
        venue.client.balance()
    with pytest.raises(OrderNotSentError, match="synchronise it"):
        venue.client.create_order(resting("mb-2"))
    assert len(venue.orders) == 1
    assert venue.client.cancel_order(placed.order_id, 0) == 4


def test_signatures_are_checked_by_the_exchanges_wrong_clock(venue: Venue) -> None:
    careless = venue.new_client(max_skew_seconds=None)
    venue.simulator.faults.arm(rule(FaultKind.CLOCK_SKEW, seconds=45))
    with pytest.raises(VenueReadError, match="HEADER_TIMESTAMP_EXPIRED"):
        careless.balance()
    assert careless.clock_skew_seconds == pytest.approx(-45, abs=1)


def test_an_unknown_field_is_counted_and_stops_nothing(venue: Venue) -> None:
    venue.client.create_order(taking())
    venue.simulator.faults.arm(rule(FaultKind.SCHEMA_DRIFT, times=2))
    assert venue.client.balance().cash < 1000
    assert len(venue.client.fills()) == 1
    assert venue.client.unknown_fields == {
        ("Balance", "field_of_next_month"): 1,
        ("fills", "field_of_next_month"): 1,
        ("Fill", "field_of_next_month"): 1,
    }


@pytest.mark.parametrize("drift", ["missing", "retyped"])
def test_a_missing_or_changed_field_is_an_error_that_names_it(venue: Venue, drift: str) -> None:
    venue.client.create_order(taking())
    venue.simulator.faults.arm(rule(FaultKind.SCHEMA_DRIFT, call="fills", drift=drift, field="count_fp"))
    with pytest.raises(VenueReadError, match="of the exchange is not understood: count_fp"):
        venue.client.fills()


def test_an_order_with_a_malformed_reply_is_unknown_and_exists(venue: Venue) -> None:
    venue.simulator.faults.arm(rule(FaultKind.SCHEMA_DRIFT, call="create", drift="missing", field="order_id"))
    with pytest.raises(OrderOutcomeUnknownError, match="order_id"):
        venue.client.create_order(resting())
    assert len(venue.orders) == 1
