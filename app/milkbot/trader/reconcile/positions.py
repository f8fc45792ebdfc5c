"""Whether our fills add up to what the exchange says is held."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session

from milkbot.db import ledger
from milkbot.domain.modes import TradingMode
from milkbot.domain.units import ZERO, Count
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.trader.tickers import parse_ticker
from milkbot.venue.values import VenuePosition


def compare(
    session: Session, mode: TradingMode, positions: Sequence[VenuePosition], unread: Collection[str] = ()
) -> list[Found]:
    """The markets of ours in which the exchange holds something else than the fold of our fills.

    What it holds in the markets `unread` is not known.
    """
    theirs = {row.ticker: row.signed_count for row in positions if row.signed_count != ZERO}
    ours = {row.ticker: Count(row.signed_count) for row in ledger.held_positions(session, mode)}
    found: list[Found] = []
    for ticker in sorted((theirs.keys() | ours.keys()) - set(unread)):
        expected, held = ours.get(ticker, ZERO), theirs.get(ticker, ZERO)
        if expected != held and parse_ticker(ticker) is not None:
            message = f"{ticker}: our fills fold to {expected}, the exchange holds {held}"
            found.append(
                Found(
                    FindingKind.POSITION_MISMATCH,
                    ticker,
                    message,
                    ours={"count": str(expected)},
                    theirs={"count": str(held)},
                    ticker=ticker,
                )
            )
    return found
