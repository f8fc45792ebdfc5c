"""An index by which the newest markets are found without sorting a whole day of them.

Alone in a revision: it is built without keeping the trader waiting.
"""

from __future__ import annotations

from milkbot.db.revisions import build_indexes, drop_indexes

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_positions_mode_newest": "positions (trading_mode, climate_day DESC, ticker)",
    "ix_positions_mode_city_newest": "positions (trading_mode, city_code, climate_day DESC, ticker)",
}


def upgrade() -> None:
    build_indexes(INDEXES)


def downgrade() -> None:
    drop_indexes(INDEXES)
