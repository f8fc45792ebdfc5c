"""Indexes by which the public views find a city's newest trades, the markets of a day, and an event's newest forecast.

Alone in a revision: each is built without keeping the trader waiting.
"""

from __future__ import annotations

from milkbot.db.revisions import build_indexes, drop_indexes

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MINUTE = "date_bin('1 minute', filled_at, '2000-01-01 00:00:00+00'::timestamptz)"
INDEXES = {
    "ix_fills_mode_city_minute": f"fills (trading_mode, city_code, ({MINUTE}))",
    "ix_positions_mode_day": "positions (trading_mode, climate_day, ticker)",
    "ix_positions_mode_city_day": "positions (trading_mode, city_code, climate_day, ticker)",
    "ix_forecasts_live_event": "forecasts (trading_mode, event_ticker, as_of) WHERE is_live",
}


def upgrade() -> None:
    build_indexes(INDEXES)


def downgrade() -> None:
    drop_indexes(INDEXES)
