"""The refusals of a create that are known: by the code in the body, what each proves, and what follows from it.

The exchange's page of order errors (as of October 2026) says to decide by the code, and that a 408, a 5xx or a dropped
connection proves nothing. It also says to take an unknown code with another 4xx for a refusal. We do not. An order that
is wrongly called unknown blocks its event for the minute until the lists prove that it is absent; one that is wrongly
called refused may be sent twice. And the exchange respells its codes: `trading_paused` of the FIX list is
`trading_is_paused` here, so a duplicate may get another name than `order_already_exists` one day.

The matching engine's own spelling, in upper case or with spaces, is the same code.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

LONGEST_KEPT: Final = 200
"""Characters of a code, and of details, that are kept."""

_TICK = timedelta(minutes=2)
"""Shorter than the usual time between two ticks: the next one decides anew, by what it reads then."""
_LOST = timedelta(minutes=15)
_PAUSE = timedelta(minutes=30)
_MISTAKE = timedelta(hours=1)
_OVER = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a code is known from, and when it was last seen there."""

    what: str
    seen: date


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row. `details` is the part of the body's details that tells it apart, empty where the code alone does.

    `codes`: the exchange's first, then other spellings; `statuses` with which it was seen. `alone`: how long that
    market gets no order after the first such refusal. `counts`: whether the reject breaker counts it.
    """

    codes: tuple[str, ...]
    statuses: tuple[int, ...]
    source: Source
    meaning: str
    alone: timedelta
    details: str = ""
    proves: bool = True
    counts: bool = True

    @property
    def name(self) -> str:
        """Its code, and the details that tell it apart."""
        return reason_of(self.codes[0], self.details)


_PAGE: Final = Source("page of order errors", date(2026, 10, 5))
_FIX: Final = Source("FIX list", date(2026, 10, 5))
_ASSUMED: Final = Source("assumed: no answer seen", date(2026, 11, 30))
_OURS: Final = Source("our own name", date(2026, 11, 29))
_ANSWER: Final = "an answer"

REFUSALS: Final = (
    Refusal(
        ("order_already_exists",),
        (409,),
        Source(_ANSWER, date(2026, 7, 23)),
        "An order of that name is there already, this or an earlier one. Nothing to do: the next tick checks the list.",
        _LOST,
        proves=False,
    ),
    Refusal(
        ("service_unavailable", "exchange_unavailable"),
        (503,),
        Source(_ANSWER, date(2026, 7, 18)),
        "The exchange's matching engine did not answer. Nothing to do: the next tick checks the list.",
        _LOST,
        proves=False,
        counts=False,
    ),
    Refusal(
        ("trading_is_paused", "trading_paused"),
        (409, 400),
        Source(_ANSWER, date(2026, 7, 30)),
        "The market is halted or paused, maybe while it is listed as active. Nothing to do: it is tried again.",
        _PAUSE,
    ),
    Refusal(
        ("exchange_is_paused", "exchange_paused"),
        (409, 400),
        Source(_ANSWER, date(2026, 8, 27)),
        "The whole exchange is paused. Nothing to do: the next tick reads its status, and waits.",
        _PAUSE,
        counts=False,
    ),
    Refusal(
        ("market_closed", "market_already_closed"),
        (409, 400),
        Source(_ANSWER, date(2026, 5, 1)),
        "The market is closed, maybe early. Nothing to do: compare the market's page if it is not yet shown as closed.",
        _OVER,
    ),
    Refusal(
        ("market_inactive",),
        (400, 409),
        _FIX,
        "The market is not open yet, or was stopped. Nothing to do: it is tried again.",
        _PAUSE,
    ),
    Refusal(
        ("market_not_found", "not_found"),
        (404, 400),
        _FIX,
        "The exchange does not know the market, or the order group. See whether the series was renamed.",
        _OVER,
    ),
    Refusal(
        ("invalid_order",),
        (400,),
        _PAGE,
        "A resting order would have taken what is offered: the market moved since the book was read. Nothing to do.",
        _TICK,
        details="post only cross",
        counts=False,
    ),
    Refusal(
        ("post_only_cross",),
        (400, 409),
        _FIX,
        "The matching engine's name for the same. Nothing to do.",
        _TICK,
        counts=False,
    ),
    Refusal(
        ("fill_or_kill_insufficient_resting_volume", "fok_insufficient_volume"),
        (409,),
        Source(_ANSWER, date(2026, 5, 31)),
        "The book did not hold enough for the whole order any more. Nothing to do.",
        _TICK,
        counts=False,
    ),
    Refusal(
        ("insufficient_balance", "available_balance_too_low"),
        (400,),
        Source(_ANSWER, date(2026, 10, 5)),
        "The order costs more than is free at the exchange. Compare milkbot state with the exchange's balance.",
        _PAUSE,
    ),
    Refusal(
        ("exceeded_per_market_risk_limit", "exceeded_order_group_risk_limit"),
        (400, 409),
        _FIX,
        "A limit of the exchange for this market or order group is reached. Lower MAX_POSITION_SIZE.",
        _MISTAKE,
    ),
    Refusal(
        ("order_group_not_found", "order_group_triggered"),
        (400, 404),
        _FIX,
        "The order group is gone, or was triggered. Nothing to do: the next tick reads it, and may halt.",
        _TICK,
    ),
    Refusal(
        ("invalid_order",),
        (400,),
        _ASSUMED,
        "A sale of what is not held: the ledger and the exchange differ. See the findings of the next tick.",
        _LOST,
        details="reduce only",
    ),
    Refusal(
        ("invalid_order",),
        (400,),
        _PAGE,
        "Fields of the order do not go together. Read the details; if they name nothing of your settings, report it.",
        _MISTAKE,
    ),
    Refusal(
        ("invalid_price",),
        (400,),
        Source(_ANSWER, date(2026, 3, 25)),
        "The price is not on the market's grid. Nothing to do: if it repeats, report it with the ticker.",
        _MISTAKE,
    ),
    Refusal(
        ("invalid_order_size",),
        (400,),
        Source(_ANSWER, date(2026, 10, 5)),
        "The count is too small, too large or too fine. Compare MAX_POSITION_SIZE with the market's rules.",
        _MISTAKE,
    ),
    Refusal(
        ("invalid_parameters", "missing_parameters", "bad_request"),
        (400,),
        _PAGE,
        "The exchange does not read the order as this release writes it. Update; until then halt.",
        _MISTAKE,
    ),
    Refusal(
        ("authentication_error",),
        (401,),
        Source(_ANSWER, date(2026, 7, 25)),
        "The key was not accepted. Check KALSHI_API_KEY_ID, the key file and the clock: milkbot doctor.",
        _PAUSE,
    ),
    Refusal(
        ("deprecated_v1_order_endpoint",),
        (410,),
        Source(_ANSWER, date(2026, 6, 25)),
        "The exchange no longer takes orders in the form of this release. Update; until then halt.",
        _OVER,
    ),
    Refusal(
        ("too_many_requests",),
        (429,),
        Source(_ANSWER, date(2026, 10, 5)),
        "More requests than the account's tier allows; the order was not read. See that nothing else uses the key.",
        _TICK,
    ),
    Refusal(
        ("not_sent",),
        (),
        _OURS,
        "No byte of the order left this machine: no connection, or a clock that is off. milkbot doctor.",
        _TICK,
        counts=False,
    ),
    Refusal(
        ("too_late",),
        (),
        _OURS,
        "It could not be sent within 20 s of its commit: this machine stood still. Check its load, memory and disk.",
        _TICK,
        counts=False,
    ),
)
"""Where two rows have a code in common, the one with details comes first."""

UNLISTED: Final = Refusal(
    ("unlisted",),
    (),
    _OURS,
    "A 4xx whose code this release does not know, and the exchange does not list the order. Read it, and update.",
    _PAUSE,
)
ABSENT: Final = Refusal(
    ("absent",),
    (),
    _OURS,
    "Its answer was lost, and the exchange does not list it: it never arrived. If it repeats, check the connection.",
    _LOST,
    counts=False,
)
_ABSENT = "absent at the exchange as of "
_ANSWERED = re.compile(r"HTTP 4\d\d (?P<reason>[^;]+)")


def refusal_of(code: str, details: str) -> Refusal | None:
    """The row of an answer; None for a code that is not known, and for none."""
    name, said = _spelled(code), details.lower()
    return next((row for row in REFUSALS if name in row.codes and row.details in said), None)


def reason_of(code: str, details: str) -> str:
    """How an order keeps why it was refused: `code`, or `code: details`."""
    return f"{code}: {details}" if details else code


def absence(as_of: datetime, unknown: str | None) -> str:
    """How an order keeps that the lists of that moment prove its absence, and what was answered; `unknown` is why its
    outcome was not known before.
    """
    answered = _ANSWERED.search(unknown) if unknown else None
    return f"{_ABSENT}{as_of.isoformat()}" + (f", after {answered[0]}" if answered else "")


def stored_refusal(reason: str) -> Refusal:
    """The row of what `reason_of` or `absence` made; UNLISTED for a code that has none."""
    if reason.startswith(_ABSENT):
        answered = _ANSWERED.search(reason)
        if answered is None:
            return ABSENT
        reason = answered["reason"]
    code, _, details = reason.partition(": ")
    return refusal_of(code, details) or UNLISTED


def kept(said: object) -> str:
    """A code or details as they are kept: one line of bounded length."""
    text = said if isinstance(said, str) else json.dumps(said)
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_KEPT else f"{line[: LONGEST_KEPT - 1]}…"


def _spelled(code: str) -> str:
    return code.lower().replace(" ", "_")
