"""The tables of docs/orders.md, made from what the code goes by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from milkbot.domain.order_states import NEW, RULES, OrderEvent, OrderState
from milkbot.trader.decide.requote import Withdrawal
from milkbot.trader.invariants.catalogue import INVARIANTS
from milkbot.trader.reconcile.findings import BY_THE_OPERATOR, EFFECTS, FindingKind
from milkbot.venue.refusals import ABSENT, REFUSALS, UNLISTED

EVENTS: Final[Mapping[OrderEvent, str]] = {
    OrderEvent.GENESIS: "it was in the ledger before events were written",
    OrderEvent.COMMITTED: "the intent is committed; nothing was sent yet",
    OrderEvent.ADOPTED: "the exchange has it and the ledger had not",
    OrderEvent.NAMED: "the exchange's id of it became known",
    OrderEvent.RESTED: "it is in the exchange's book",
    OrderEvent.FILLED_IN_PART: "it was filled in part",
    OrderEvent.FILLED: "it was filled whole",
    OrderEvent.CANCELED: "it is over; what it got, its fills say",
    OrderEvent.EXPIRED: "the exchange ended it at its own expiry",
    OrderEvent.REFUSED: "it does not exist: the exchange proved that by a code that is known, or it was never sent",
    OrderEvent.ANSWER_LOST: "it was sent, and no clear answer came",
    OrderEvent.ABSENT: "the exchange's list, fresh enough by its own account, does not show it",
    OrderEvent.RULED_REJECTED: "the operator says that it never existed",
    OrderEvent.RULED_CANCELED: "the operator says that it is over",
    OrderEvent.RULED_FILLED: "the operator says that it was filled whole",
    OrderEvent.FOUND_RESTING: "the exchange shows it resting, against what was thought",
    OrderEvent.FOUND_FILLED_IN_PART: "the exchange shows it filled in part, against what was thought",
    OrderEvent.FOUND_FILLED: "the exchange shows it filled whole, against what was thought",
    OrderEvent.FOUND_CANCELED: "the exchange shows that it existed, and is over",
}
FINDINGS: Final[Mapping[FindingKind, str]] = {
    FindingKind.LOST_ORDER: "an order that is ours by its name and was not in the ledger: it was lost or restored",
    FindingKind.MANUAL_ORDER: "an order that somebody else placed on the account",
    FindingKind.UNKNOWN_FILL: "a fill of an order that the exchange does not list",
    FindingKind.ORDER_STATE: "an order that was over in our ledger, and was not at the exchange",
    FindingKind.ORDER_OVERDUE: "an order that the exchange does not explain for `UNKNOWN_DEADLINE_MIN`",
    FindingKind.POSITION_MISMATCH: "fills that do not add up to what the exchange holds",
    FindingKind.CASH_MISMATCH: "cash that fills, fees and settlements do not add up to",
    FindingKind.FEE_MISMATCH: "an order that was charged more than the fees that its series names",
    FindingKind.UNREAD_ROW: "a fill, order, settlement or position of the account that could not be read",
    FindingKind.INVARIANT: "an invariant of the ledger is broken",
}
WITHDRAWALS: Final[Mapping[Withdrawal, tuple[str, str]]] = {
    Withdrawal.NOT_ALLOWED: ("the trading state is not ACTIVE", ""),
    Withdrawal.NOT_WANTED: ("resting orders are switched off", "ORDER_STYLE"),
    Withdrawal.NEAR_CLOSE: (
        "its market closes, or the exchange pauses, within so many minutes",
        "QUOTE_CLOSE_GUARD_MIN QUOTE_PAUSE_GUARD_MIN",
    ),
    Withdrawal.MARKET_UNSEEN: ("its market, book or weather could not be read", ""),
    Withdrawal.SPREAD_WIDENED: ("the spread is wider in cents, or a side is empty", "SPREAD_MAX_CENTS"),
    Withdrawal.FORECAST_MOVED: (
        "the forecast moved so many degrees Fahrenheit since it was decided",
        "QUOTE_MAX_FORECAST_MOVE_F",
    ),
    Withdrawal.EDGE_GONE: ("it promises less than so many dollars", "MIN_EDGE_AFTER_COSTS"),
    Withdrawal.PRICE_MOVED: ("we would bid so many cents more or less now", "QUOTE_MAX_DRIFT_CENTS"),
    Withdrawal.QUOTE_STALE: ("it rests for so many seconds", "QUOTE_MAX_AGE_SEC"),
}


def transitions_table() -> str:
    """Which event leads an order from where to where."""
    olds: dict[tuple[OrderEvent, str], list[str]] = defaultdict(list)
    order = [None, *OrderState]
    for old, event, new in sorted(RULES, key=lambda rule: order.index(rule[0])):
        to = "the same" if event is OrderEvent.NAMED else "any" if event is OrderEvent.GENESIS else str(new)
        name = str(old or NEW)
        if name not in olds[event, to]:
            olds[event, to].append(name)
    rows = [
        ("any" if len(froms) == len(OrderState) else ", ".join(froms), f"`{event}`", to, EVENTS[event])
        for event in OrderEvent
        for (named, to), froms in olds.items()
        if named is event
    ]
    return _table(("from", "event", "to", "what it means"), rows)


def findings_table() -> str:
    """What a finding may be about."""
    rows = [
        (f"`{kind}`", FINDINGS[kind], str(EFFECTS[kind]), "you" if kind in BY_THE_OPERATOR else "evidence, or you")
        for kind in FindingKind
    ]
    return _table(("kind", "what was found", "leaves", "closed by"), rows)


def withdrawals_table(defaults: Mapping[str, object]) -> str:
    """When an order that rests is taken away. `defaults`: of the settings, by their names."""
    rows = []
    for reason in Withdrawal:
        when, settings = WITHDRAWALS[reason]
        names = settings.split()
        shown = ", ".join(f"`{name}`" for name in names)
        rows.append((f"`{reason}`", when, shown, ", ".join(str(defaults[name.lower()]) for name in names)))
    return _table(("reason", "when", "setting", "default"), rows)


def refusals_table() -> str:
    """What is known of refused and absent orders."""
    rows = [
        (
            f"`{row.name}`",
            ", ".join(map(str, row.statuses)),
            f"{row.source.what}, {row.source.seen}",
            "refused" if row.proves else "UNKNOWN",
            "yes" if row.counts else "no",
            str(int(row.alone.total_seconds() / 60)),
            row.meaning,
        )
        for row in (*REFUSALS, UNLISTED, ABSENT)
    ]
    head = ("reason", "HTTP", "known from", "state", "counted", "minutes", "what it means, and what to do")
    return _table(head, rows)


def invariants_table() -> str:
    """The invariants of the ledger."""
    rows = [(f"`{one.name}`", one.sentence, str(one.effect)) for one in INVARIANTS]
    return _table(("name", "what is true", "broken, it leaves"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    lines.insert(1, "|---" * len(head) + "|")
    return "\n".join(lines)
