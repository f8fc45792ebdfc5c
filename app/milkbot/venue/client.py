"""The exchange as the rest of the program sees it: plain values in, plain values out."""

from __future__ import annotations

from milkbot.domain.clock import Clock
from milkbot.http import TIMEOUT_SECONDS, Backoff, Traffic, Transport
from milkbot.venue.calls.exchange import ExchangeCalls
from milkbot.venue.calls.groups import GroupCalls
from milkbot.venue.calls.markets import MarketCalls
from milkbot.venue.calls.orders import OrderCalls
from milkbot.venue.calls.portfolio import PortfolioCalls
from milkbot.venue.signing import ApiCredentials
from milkbot.venue.transport import BACKOFF, MAX_SKEW_SECONDS, VenueSession


class KalshiClient(ExchangeCalls, MarketCalls, PortfolioCalls, OrderCalls, GroupCalls):
    """One account at one exchange. Reads raise VenueReadError after bounded retries; writes are sent exactly once.

    A reply whose Date is more than `max_skew_seconds` from our clock makes every read raise ClockSkewError and lets no
    order out; None switches that off. `timeout_seconds` is how long a reply is waited for, in real time.
    `unknown_fields` counts what the exchange sends and its document does not have, by model and field.
    """

    def __init__(
        self,
        base_url: str,
        credentials: ApiCredentials | None,
        clock: Clock,
        transport: Transport | None = None,
        backoff: Backoff = BACKOFF,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_skew_seconds: float | None = MAX_SKEW_SECONDS,
    ) -> None:
        session = VenueSession(
            base_url,
            credentials,
            clock,
            transport,
            backoff,
            timeout_seconds=timeout_seconds,
            max_skew_seconds=max_skew_seconds,
        )
        super().__init__(session, clock)

    @property
    def clock_skew_seconds(self) -> float | None:
        """How far our clock is ahead of the exchange's; None before the first reply that carried a Date."""
        return self._session.clock_skew_seconds

    @property
    def traffic(self) -> Traffic:
        """The requests that were sent so far, repeated ones too."""
        return self._session.traffic

    def close(self) -> None:
        """Drop the connections."""
        self._session.close()
