"""The exchange itself: whether it is open, when it pauses, how fresh it is, and this account's limits."""

from __future__ import annotations

from datetime import datetime

from milkbot.venue import convert
from milkbot.venue.calls.base import Calls
from milkbot.venue.errors import VenueReadError
from milkbot.venue.schedule import Schedule
from milkbot.venue.transport import refusal
from milkbot.venue.values import AccountLimits, ExchangeStatus
from milkbot.venue.wire import exchange


class ExchangeCalls(Calls):
    """/exchange and /account."""

    def exchange_status(self) -> ExchangeStatus:
        """Whether the exchange is open. Its body counts with any HTTP status: a closed exchange sends 503 with it."""
        reply = self._session.read_reply("/exchange/status")
        try:
            status = exchange.ExchangeStatus.from_wire(reply.json(), self.unknown_fields)
        except ValueError as error:
            raise VenueReadError(refusal("GET /exchange/status", reply)) from error
        return ExchangeStatus(status.exchange_active, status.trading_active, status.exchange_estimated_resume_time)

    def schedule(self) -> Schedule:
        """The weekly trading hours and the announced maintenance, which give the next pause."""
        return self._one("/exchange/schedule", exchange.ScheduleReply, convert.schedule)

    def user_data_as_of(self) -> datetime:
        """How fresh the exchange's balance, orders, fills and positions are."""
        return self._one("/exchange/user_data_timestamp", exchange.UserDataTimestamp, lambda wire: wire.as_of_time)

    def account_limits(self) -> AccountLimits:
        """The account's tier and its two token buckets."""
        return self._one("/account/limits", exchange.AccountLimits, convert.account_limits)

    def adopt_account_limits(self) -> AccountLimits:
        """Size the token buckets by the account's own tier; without this call they have those of Basic."""
        limits = self.account_limits()
        self._session.reads.resize(limits.read)
        self._session.writes.resize(limits.write)
        return limits
