"""The faults that the simulated exchange can play, what each takes, and which call each hits if nothing is said."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class FaultKind(StrEnum):
    """What goes wrong."""

    ACCEPTED_REPLY_LOST = "accepted_reply_lost"
    """The request is carried out, then the connection is reset without a byte of an answer."""
    DELAYED_REPLY = "delayed_reply"
    """The request is carried out, and its answer is held back for `seconds`."""
    ERROR_BEFORE = "error_before"
    """The answer is a 5xx (`status`), and nothing was done."""
    ERROR_AFTER = "error_after"
    """The request is carried out, and the answer is a 5xx (`status`)."""
    OK_WITH_ERROR_BODY = "ok_with_error_body"
    """The answer is 200 or 201 with an error for a body; nothing was done unless `accepted`."""
    DUPLICATE_CONFLICT = "duplicate_conflict"
    """The request arrives twice, and the answer is that to the second: a create is there, and answered with 409."""
    RATE_LIMITED = "rate_limited"
    """The answer is 429, and nothing was done."""
    CONNECTION_RESET = "connection_reset"
    """The connection is reset before anything was done."""
    FILL_WHILE_CANCELING = "fill_while_canceling"
    """Before a cancel (or amend, or decrease) acts, the order is filled: all of it, or `count` contracts."""
    PARTIAL_FILLS = "partial_fills"
    """An order meets only `share` of what the book shows, cut into `parts` executions a quote."""
    DUPLICATE_FILLS = "duplicate_fills"
    """Every fill of a page stands in it twice."""
    REORDERED_FILLS = "reordered_fills"
    """The fills of a page come in another order."""
    LAGGING_READS = "lagging_reads"
    """The account's data is what it was `seconds` ago; the exchange's own timestamp of it says so."""
    MARKET_DEACTIVATED = "market_deactivated"
    """A market (`ticker`) is stopped for `seconds`; as it goes on its resting orders are canceled."""
    MARKET_CLOSED_EARLY = "market_closed_early"
    """A market closes at once."""
    MARKET_DISPUTED = "market_disputed"
    """An event's payout waits for a dispute of `seconds`, after which its high may be another (`high`)."""
    MARKET_RESETTLED = "market_resettled"
    """An event that was paid out is corrected to another high (`high`): cash and settlements change afterwards."""
    MAINTENANCE_PAUSE = "maintenance_pause"
    """Trading pauses for `seconds`, or the whole exchange does (`whole_exchange`)."""
    SCHEMA_DRIFT = "schema_drift"
    """Bodies change: a field is `added`, or `field` is `missing` or `retyped` (`drift`)."""
    CLOCK_SKEW = "clock_skew"
    """The exchange's clock, by which it dates replies and judges signatures, is `seconds` ahead of the true one."""


WIRE: Final = frozenset(
    {
        FaultKind.ACCEPTED_REPLY_LOST,
        FaultKind.DELAYED_REPLY,
        FaultKind.ERROR_BEFORE,
        FaultKind.ERROR_AFTER,
        FaultKind.OK_WITH_ERROR_BODY,
        FaultKind.DUPLICATE_CONFLICT,
        FaultKind.RATE_LIMITED,
        FaultKind.CONNECTION_RESET,
    }
)
"""Those that decide what becomes of the reply: of these a call meets one at most."""

PARAMETERS: Final[dict[FaultKind, frozenset[str]]] = {
    FaultKind.DELAYED_REPLY: frozenset({"seconds"}),
    FaultKind.ERROR_BEFORE: frozenset({"status"}),
    FaultKind.ERROR_AFTER: frozenset({"status"}),
    FaultKind.OK_WITH_ERROR_BODY: frozenset({"accepted"}),
    FaultKind.FILL_WHILE_CANCELING: frozenset({"count"}),
    FaultKind.PARTIAL_FILLS: frozenset({"share", "parts"}),
    FaultKind.LAGGING_READS: frozenset({"seconds"}),
    FaultKind.MARKET_DEACTIVATED: frozenset({"ticker", "seconds"}),
    FaultKind.MARKET_CLOSED_EARLY: frozenset({"ticker"}),
    FaultKind.MARKET_DISPUTED: frozenset({"ticker", "seconds", "high"}),
    FaultKind.MARKET_RESETTLED: frozenset({"ticker", "high"}),
    FaultKind.MAINTENANCE_PAUSE: frozenset({"seconds", "whole_exchange"}),
    FaultKind.SCHEMA_DRIFT: frozenset({"drift", "field"}),
    FaultKind.CLOCK_SKEW: frozenset({"seconds"}),
}
"""What a fault takes beside when and where it fires; one that is not listed takes nothing."""

SECONDS: Final[dict[FaultKind, float]] = {
    FaultKind.DELAYED_REPLY: 20.0,
    FaultKind.LAGGING_READS: 30.0,
    FaultKind.MARKET_DEACTIVATED: 1800.0,
    FaultKind.MARKET_DISPUTED: 3600.0,
    FaultKind.MAINTENANCE_PAUSE: 7200.0,
    FaultKind.CLOCK_SKEW: 60.0,
}
"""`seconds` where a rule does not say."""

CALLS: Final[dict[FaultKind, str]] = {
    FaultKind.ACCEPTED_REPLY_LOST: "create",
    FaultKind.OK_WITH_ERROR_BODY: "create",
    FaultKind.DUPLICATE_CONFLICT: "create",
    FaultKind.PARTIAL_FILLS: "create",
    FaultKind.FILL_WHILE_CANCELING: "cancel",
    FaultKind.DUPLICATE_FILLS: "fills",
    FaultKind.REORDERED_FILLS: "fills",
    FaultKind.LAGGING_READS: "portfolio",
}
"""`call` where a rule does not say; any other fault hits any call."""
