"""The faults of the simulated exchange and weather service: what happens, at which call, what a rule may say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FaultKind(StrEnum):
    """What goes wrong; FAULTS says more of each."""

    ACCEPTED_REPLY_LOST = "accepted_reply_lost"
    DELAYED_REPLY = "delayed_reply"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    OK_WITH_ERROR_BODY = "ok_with_error_body"
    DUPLICATE_CONFLICT = "duplicate_conflict"
    RATE_LIMITED = "rate_limited"
    CONNECTION_RESET = "connection_reset"
    FILL_WHILE_CANCELING = "fill_while_canceling"
    PARTIAL_FILLS = "partial_fills"
    DUPLICATE_FILLS = "duplicate_fills"
    REORDERED_FILLS = "reordered_fills"
    LAGGING_READS = "lagging_reads"
    MARKET_DEACTIVATED = "market_deactivated"
    MARKET_HALTED = "market_halted"
    MARKET_CLOSED_EARLY = "market_closed_early"
    MARKET_DISPUTED = "market_disputed"
    MARKET_RESETTLED = "market_resettled"
    MAINTENANCE_PAUSE = "maintenance_pause"
    SCHEMA_DRIFT = "schema_drift"
    CLOCK_SKEW = "clock_skew"
    GRID_MOVED = "grid_moved"
    OBSERVATIONS_EMPTY = "observations_empty"
    OBSERVATIONS_OLD = "observations_old"
    OBSERVATION_WRONG = "observation_wrong"
    SERIES_VANISHED = "series_vanished"
    NULL_BOOK = "null_book"
    OBJECT_MANGLED = "object_mangled"
    CASH_ON_ANOTHER_SHARD = "cash_on_another_shard"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: what happens, the call that is hit and the `seconds` where a rule does not say, and what a rule takes.

    Of the faults `of_wire`, which decide what becomes of the reply, a request meets one at most.
    """

    what: str
    call: str = "any"
    takes: tuple[str, ...] = ()
    seconds: float | None = None
    of_wire: bool = False
    once: bool = False
    """Whether once is enough in a run in which everything may go wrong."""


FAULTS: Final[dict[FaultKind, Fault]] = {
    FaultKind.ACCEPTED_REPLY_LOST: Fault(
        "the request is carried out, then the connection is reset without a byte of an answer", "create", of_wire=True
    ),
    FaultKind.DELAYED_REPLY: Fault(
        "the request is carried out, and its answer held back for `seconds`",
        takes=("seconds",),
        seconds=20,
        of_wire=True,
    ),
    FaultKind.ERROR_BEFORE: Fault("the answer is a 5xx (`status`); nothing was done", takes=("status",), of_wire=True),
    FaultKind.ERROR_AFTER: Fault(
        "the request is carried out, and the answer is a 5xx (`status`)", takes=("status",), of_wire=True
    ),
    FaultKind.OK_WITH_ERROR_BODY: Fault(
        "the answer is 200 or 201 with an error for a body; nothing was done unless `accepted`",
        "create",
        ("accepted",),
        of_wire=True,
    ),
    FaultKind.DUPLICATE_CONFLICT: Fault(
        "the request arrives twice, and the answer is the second one's: for a create 409", "create", of_wire=True
    ),
    FaultKind.RATE_LIMITED: Fault("the answer is 429; nothing was done", of_wire=True),
    FaultKind.CONNECTION_RESET: Fault("the connection is reset before anything was done", of_wire=True),
    FaultKind.FILL_WHILE_CANCELING: Fault(
        "before a cancel (amend, decrease) acts, the order is filled: all of it, or `count` contracts",
        "cancel",
        ("count",),
    ),
    FaultKind.PARTIAL_FILLS: Fault(
        "an order meets only `share` of what the book shows, each quote cut into `parts` fills",
        "create",
        ("share", "parts"),
    ),
    FaultKind.DUPLICATE_FILLS: Fault("every fill of a page stands in it twice", "fills"),
    FaultKind.REORDERED_FILLS: Fault("the fills of a page come in another order", "fills"),
    FaultKind.LAGGING_READS: Fault(
        "the account's data is that of `seconds` ago, and the exchange's own timestamp of it says so",
        "portfolio",
        ("seconds",),
        30,
    ),
    FaultKind.MARKET_DEACTIVATED: Fault(
        "a market (`ticker`) stops for `seconds`; as it goes on, its resting orders are canceled",
        takes=("ticker", "seconds"),
        seconds=1800,
        once=True,
    ),
    FaultKind.MARKET_HALTED: Fault(
        "a market (`ticker`) takes no orders for `seconds`, although it is listed as active",
        takes=("ticker", "seconds"),
        seconds=1800,
        once=True,
    ),
    FaultKind.MARKET_CLOSED_EARLY: Fault("a market (`ticker`) closes at once", takes=("ticker",), once=True),
    FaultKind.MARKET_DISPUTED: Fault(
        "an event's payout waits for a dispute of `seconds`, after which its high may be another (`high`)",
        takes=("ticker", "seconds", "high"),
        seconds=3600,
        once=True,
    ),
    FaultKind.MARKET_RESETTLED: Fault(
        "an event that was paid out is corrected to another high (`high`): cash and settlements change afterwards",
        takes=("ticker", "high"),
        once=True,
    ),
    FaultKind.MAINTENANCE_PAUSE: Fault(
        "trading pauses for `seconds`, or the whole exchange does (`whole_exchange`)",
        takes=("seconds", "whole_exchange"),
        seconds=7200,
        once=True,
    ),
    FaultKind.SCHEMA_DRIFT: Fault(
        "bodies change: a field is `added`, or `field` is `missing` or `retyped` (`drift`)", takes=("drift", "field")
    ),
    FaultKind.CLOCK_SKEW: Fault(
        "the clock by which the exchange dates replies and judges signatures is `seconds` ahead",
        takes=("seconds",),
        seconds=60,
    ),
    FaultKind.GRID_MOVED: Fault(
        "the forecast grid is renumbered: the old number of a station's cell is not found, or that of a cell at sea "
        "(`marine`)",
        "grid",
        ("marine",),
    ),
    FaultKind.OBSERVATIONS_EMPTY: Fault("a station has no measurement", "observations"),
    FaultKind.OBSERVATIONS_OLD: Fault(
        "the measurements of the last `seconds` are absent", "observations", ("seconds",), seconds=10_800
    ),
    FaultKind.OBSERVATION_WRONG: Fault(
        "the newest measurement is `high` degrees (140 if not given), with the quality letter `flag`",
        "observations",
        ("high", "flag"),
    ),
    FaultKind.SERIES_VANISHED: Fault(
        "a series (`ticker`) is not there: 404 for it, and no event of it in a list", "events", ("ticker",)
    ),
    FaultKind.NULL_BOOK: Fault("one order book of the reply (of market `ticker`) is null", "books", ("ticker",)),
    FaultKind.OBJECT_MANGLED: Fault(
        "one object of a list (which has `ticker` in it), or of what is nested there, is mangled: `missing`, `null` or "
        "`retyped` (`mangling`) is `field`, or one by draw",
        "read",
        ("ticker", "mangling", "field"),
    ),
    FaultKind.CASH_ON_ANOTHER_SHARD: Fault(
        "the account has so many `dollars` more, on a shard of the exchange on which weather markets do not trade",
        "balance",
        ("dollars",),
    ),
}

WIRE: Final = frozenset(kind for kind, fault in FAULTS.items() if fault.of_wire)


def table() -> str:
    """The table of docs/simulator.md."""
    rows = [f"| `{kind}` | {fault.what} | `{fault.call}` | {_taken(fault)} |" for kind, fault in FAULTS.items()]
    return "\n".join(["| fault | what happens | `call` if not given | takes |", "|---|---|---|---|", *rows])


def _taken(fault: Fault) -> str:
    usual = "" if fault.seconds is None else f" ({fault.seconds:g} if not given)"
    return ", ".join(f"`{name}`{usual if name == 'seconds' else ''}" for name in fault.takes)
