"""The historical tier."""

from __future__ import annotations

from milkbot.venue.wire.base import Moment, WireModel


class Cutoff(WireModel):
    """GET /historical/cutoff: what settled, traded or ended before these moments is in the historical lists only."""

    market_settled_ts: Moment
    trades_created_ts: Moment
    orders_updated_ts: Moment
    market_positions_last_updated_ts: Moment | None = None
