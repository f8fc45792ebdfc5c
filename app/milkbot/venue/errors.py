"""What can go wrong at the exchange. For an order there are two answers only: proven refusal, or unknown outcome."""

from __future__ import annotations

from milkbot.errors import MilkbotError, VenueUnavailableError
from milkbot.venue.refusals import reason_of


class VenueReadError(VenueUnavailableError):
    """A read failed or its answer was not understood. Nothing changed at the exchange."""


class UnusableReplyError(VenueReadError):
    """The exchange answered, and not with what was requested: no such object, or one that is not understood.

    That says nothing of other objects. No answer, and a refusal of this account (401, 403, 429), are not of this kind.
    """


class ClockSkewError(VenueReadError):
    """Our clock and the exchange's differ by more than is allowed: no price's age and no signature can be trusted."""


class OrderRejectedError(MilkbotError):
    """The exchange proved that the order does not exist. `code` is its own; `reason` is what the order keeps of it."""

    def __init__(self, code: str, message: str, http_status: int, details: str = "") -> None:
        self.code = code
        self.http_status = http_status
        self.reason = reason_of(code, details)
        said = ": ".join(part for part in (code, message, details) if part)
        super().__init__(f"the exchange refused the order: {said} (HTTP {http_status})")


class OrderNotSentError(OrderRejectedError):
    """It is proved that no byte of the order left this machine: as good as a refusal. Its HTTP status is 0."""

    def __init__(self, reason: str, code: str = "not_sent") -> None:
        super().__init__(code, reason, 0)


class OrderTooLateError(OrderNotSentError):
    """Its deadline passed before it was sent, so it never will be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "too_late")


class OrderOutcomeUnknownError(MilkbotError):
    """The order may or may not exist: a code that proves nothing, 408, any 5xx, a dropped connection, or a success
    without an order id.
    """


class CancelFailedError(MilkbotError):
    """A cancel was refused, or its answer was lost: the order may still rest whole. Reconcile first."""


class OrderGroupError(MilkbotError):
    """A call on an order group was refused, or its answer was lost: read the group, then try again."""
