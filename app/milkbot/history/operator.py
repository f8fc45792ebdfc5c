"""The operator of a history: it ends what only a person may end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from milkbot.db import holds
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode

BY = "milkbot history"
NOTE = "ended by the history"


def end_holds(engine: Engine, mode: TradingMode, now: datetime, *, last: bool = False) -> None:
    """End the holds that wait for an operator, as one does each morning; the `last` call ends the others too.

    Each remains in the ledger with its reason and this acknowledgement; what was lost until now trips nothing again.
    """
    with transaction(engine) as session:
        ended = [hold for hold in holds.holds(session, mode, now) if last or hold.until is None]
        if ended:
            holds.resume(session, mode, ended, by=BY, at=now, note=NOTE)
