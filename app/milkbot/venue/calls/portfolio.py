"""What the account has and did: balance, positions, orders, fills, settlements. None of these changes anything."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from milkbot.domain.positions import Fill, execution_order
from milkbot.domain.unread import ObjectKind, Unread
from milkbot.venue import convert
from milkbot.venue.calls.base import Calls, same
from milkbot.venue.values import Balance, VenueOrder, VenueOrderStatus, VenuePosition, VenueSettlement
from milkbot.venue.wire import portfolio

EXCHANGE_INDEX: Final = 0
"""The shard of the weather markets."""
_AHEAD: Final = timedelta(hours=1)
"""The ledger reads on from its newest row: one that is dated into the future would hide all that come before it."""


class PortfolioCalls(Calls):
    """/portfolio, its reads. A list with a row that is not understood raises UnusableReplyError.

    Unless the caller gives an `unread`, which then gets that row: so a list that lacks a row is never taken for a whole
    one by mistake.
    """

    def balance(self) -> Balance:
        """Free dollars and the positions' worth on the shard of the weather markets: no order can use another's."""
        shard = [("exchange_index", str(EXCHANGE_INDEX))]
        return self._one("/portfolio/balance", portfolio.Balance, convert.balance, shard)

    def positions(self, *, unread: Unread | None = None) -> list[VenuePosition]:
        """What the exchange says is held: a check on our own ledger, never its source."""
        rows = self._rows("/portfolio/positions", "market_positions")
        return list(self._parsed(ObjectKind.POSITION, rows, portfolio.MarketPosition, convert.position, unread))

    def orders(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        status: VenueOrderStatus | None = None,
        since: datetime | None = None,
        unread: Unread | None = None,
    ) -> list[VenueOrder]:
        """Orders that fit all filters given. There is no filter by client_order_id: scan those of its ticker."""
        filters = {"ticker": ticker, "event_ticker": event_ticker, "status": status}
        params = [(name, str(value)) for name, value in filters.items() if value is not None]
        rows = self._rows("/portfolio/orders", "orders", params, since)
        return list(self._parsed(ObjectKind.ORDER, rows, portfolio.Order, convert.order, unread))

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

    def fills(self, *, since: datetime | None = None, unread: Unread | None = None) -> list[Fill]:
        """Executions, oldest first. The same one may come again: it is unique by `fill_id`."""
        rows = self._rows("/portfolio/fills", "fills", since=since)

        def value(wire: portfolio.Fill) -> Fill:
            fill = convert.fill(wire)
            self._check_past(fill.filled_at)
            return fill

        return sorted(self._parsed(ObjectKind.FILL, rows, portfolio.Fill, value, unread), key=execution_order)

    def settlements(self, *, since: datetime | None = None, unread: Unread | None = None) -> list[VenueSettlement]:
        """Markets that settled while we held them. One that was corrected comes again, settled at a later time."""
        rows = self._rows("/portfolio/settlements", "settlements", since=since)

        def value(wire: portfolio.Settlement) -> VenueSettlement:
            settlement = convert.settlement(wire)
            self._check_past(settlement.settled_at)
            return settlement

        return list(self._parsed(ObjectKind.SETTLEMENT, rows, portfolio.Settlement, value, unread))

    def _check_past(self, moment: datetime) -> None:
        if moment - self._clock.now() > _AHEAD:
            raise ValueError(f"it is dated {moment.isoformat()}, which is in the future")
