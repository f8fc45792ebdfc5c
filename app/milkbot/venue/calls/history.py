"""The historical tier: what the exchange no longer shows in the live lists, by the cutoff that it tells itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from milkbot.domain.positions import Fill
from milkbot.venue import convert
from milkbot.venue.calls.base import Calls
from milkbot.venue.values import HistoricalCutoff, VenueOrder
from milkbot.venue.wire import history, portfolio


class HistoryCalls(Calls):
    """/historical. What is newer than the cutoff is in the live lists only, what is older in these only."""

    def historical_cutoff(self) -> HistoricalCutoff:
        """Where the live lists begin."""
        return self._one("/historical/cutoff", history.Cutoff, convert.cutoff)

    def historical_orders(self, *, since: datetime | None = None, ticker: str | None = None) -> list[VenueOrder]:
        """Orders that ended before the cutoff, created at or after `since`; nothing is asked if `since` is later."""
        if since is not None and since >= self.historical_cutoff().orders:
            return []
        found = self._parsed(self._archived("orders", ticker), portfolio.Order, convert.order)
        return [order for order in found if since is None or order.created_at is None or order.created_at >= since]

    def historical_fills(self, *, since: datetime | None = None, ticker: str | None = None) -> list[Fill]:
        """Executions before the cutoff, at or after `since`, oldest first; nothing is asked if `since` is later."""
        if since is not None and since >= self.historical_cutoff().trades:
            return []
        found = self._parsed(self._archived("fills", ticker), portfolio.Fill, convert.fill)
        return convert.in_time(fill for fill in found if since is None or fill.filled_at >= since)

    def _archived(self, what: str, ticker: str | None) -> Iterator[object]:
        # These lists have no lower bound in time: whoever calls filters.
        return self._rows(f"/historical/{what}", what, [] if ticker is None else [("ticker", ticker)])
