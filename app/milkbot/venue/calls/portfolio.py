"""What the account has and did: balance, positions, orders, fills, settlements. None of these changes anything."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from urllib.parse import quote

from milkbot.domain.positions import Fill, execution_order
from milkbot.venue import convert
from milkbot.venue.calls.base import Calls, same
from milkbot.venue.values import Balance, VenueOrder, VenueOrderStatus, VenuePosition, VenueSettlement
from milkbot.venue.wire import portfolio


class PortfolioCalls(Calls):
    """/portfolio, its reads."""

    def balance(self) -> Balance:
        """Free dollars and the positions' worth."""
        return self._one("/portfolio/balance", portfolio.Balance, convert.balance)

    def positions(self) -> list[VenuePosition]:
        """What the exchange says is held: a check on our own ledger, never its source."""
        rows = self._rows("/portfolio/positions", "market_positions")
        return list(self._parsed(rows, portfolio.MarketPosition, convert.position))

    def orders(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        status: VenueOrderStatus | None = None,
        since: datetime | None = None,
    ) -> list[VenueOrder]:
        """Orders that fit all filters given. There is no filter by client_order_id: scan those of its ticker."""
        filters = {"ticker": ticker, "event_ticker": event_ticker, "status": status}
        params = [(name, str(value)) for name, value in filters.items() if value is not None]
        rows = self._rows("/portfolio/orders", "orders", params, since)
        return list(self._parsed(rows, portfolio.Order, convert.order))

    def order(self, order_id: str) -> VenueOrder:
        """One order by the exchange's id. Raises VenueReadError also where the exchange has none of that id."""
        path = f"/portfolio/orders/{quote(order_id, safe='')}"
        return self._one(path, portfolio.OrderReply, lambda wire: convert.order(wire.order))

    def queued(self, tickers: Collection[str]) -> list[tuple[str, str]]:
        """The orders of ours that stand in the order books of these markets: the exchange's id and the market of each.

        The matching engine's own account, which does not lag as the lists do.
        """
        path, params = "/portfolio/orders/queue_positions", [("market_tickers", ",".join(sorted(tickers)))]
        found = self._one(path, portfolio.QueuePositions, same, params)
        return [(row.order_id, row.market_ticker) for row in found.queue_positions or ()]

    def fills(self, *, since: datetime | None = None) -> list[Fill]:
        """Executions, oldest first. The same one may come again: it is unique by `fill_id`."""
        rows = self._rows("/portfolio/fills", "fills", since=since)
        return sorted(self._parsed(rows, portfolio.Fill, convert.fill), key=execution_order)

    def settlements(self, *, since: datetime | None = None) -> list[VenueSettlement]:
        """Markets that settled while we held them. One that was corrected comes again, settled at a later time."""
        rows = self._rows("/portfolio/settlements", "settlements", since=since)
        return list(self._parsed(rows, portfolio.Settlement, convert.settlement))
