"""The terms of a contract: what a series charges and what its rules say. A change needs a person who has read it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from milkbot.domain.fees import FeeSchedule
from milkbot.domain.markets import Market

FEES = "fees"
_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_MONTH = re.compile(rf"\b(?:{_MONTHS})\b\.?")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,:]\d+)*")


class Terms(StrEnum):
    """Whether an event may be traded under its terms; the values of refusals are those of their denial codes."""

    ACCEPTED = "accepted"
    FEES_UNKNOWN = "fees_unknown"
    FEES_CHANGED = "fees_changed"
    RULES_CHANGED = "rules_changed"


@dataclass(frozen=True, slots=True, order=True)
class Clause:
    """One part of a series' terms: `fees`, or `rules less`, `rules between`, `rules greater`.

    Its text is the same from day to day; its fingerprint is what is accepted.
    """

    kind: str
    text: str

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that name the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def clauses(fees: FeeSchedule, markets: Iterable[Market]) -> tuple[Clause, ...]:
    """The terms of an event: its fees, and each wording of its markets' rules without dates and degrees."""
    rules = {Clause(f"rules {market.strike.kind}", _wording(market.rules_primary)) for market in markets}
    return (Clause(FEES, fees.text), *sorted(rules))


def judged(fees: FeeSchedule, found: Iterable[Clause], accepted: Mapping[str, frozenset[str]]) -> Terms:
    """What the terms allow. `accepted`: by kind of clause, the fingerprints that are accepted for this series."""
    if not fees.is_known:
        return Terms.FEES_UNKNOWN
    changed = {clause.kind for clause in found if clause.fingerprint not in accepted.get(clause.kind, frozenset())}
    if FEES in changed:
        return Terms.FEES_CHANGED
    return Terms.RULES_CHANGED if changed else Terms.ACCEPTED


def _wording(rules: str) -> str:
    folded = " ".join(rules.split()).casefold()
    return _NUMBER.sub("#", _MONTH.sub("(month)", folded))
