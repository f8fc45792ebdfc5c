"""What can go wrong at the exchange. For an order there are two answers only: proven refusal, or unknown outcome."""

from __future__ import annotations

from milkbot.errors import MilkbotError, VenueUnavailableError


class VenueReadError(VenueUnavailableError):
    """A read failed or its answer was not understood. Nothing changed at the exchange."""


class OrderRejectedError(MilkbotError):
    """The exchange proved that the order does not exist: a listed 4xx. `code` is the exchange's own."""

    def __init__(self, code: str, message: str, http_status: int) -> None:
        self.code = code
        self.http_status = http_status
        super().__init__(f"the exchange refused the order: {code}: {message} (HTTP {http_status})")


class OrderOutcomeUnknownError(MilkbotError):
    """The order may or may not exist: 408, 409, any 5xx, a dropped connection, or a success without an order id."""
