"""Terms that change unread: a fee that eats the edge, a rule that settles at another station."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.unit.domain.strategies import START

from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.markets import Market, MarketStatus, Strike, StrikeType
from milkbot.risk.terms import FEES, Clause, Terms, clauses, judged

RULES = (
    "If the highest temperature recorded in Central Park, New York for {day} as reported by the National Weather"
    " Service's Climatological Report (Daily), is {strike}, then the market resolves to Yes."
)
PLAIN = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
BETWEEN, LESS = Strike(StrikeType.BETWEEN, 84, 85), Strike(StrikeType.LESS, cap=84)


def market(strike: Strike, rules: str) -> Market:
    return Market("T", "E", strike, MarketStatus.ACTIVE, START, START, "", rules, (), 0, "", "")


def ladder(day: str, *, low: str = "84", rules: str = RULES) -> list[Market]:
    return [
        market(LESS, rules.format(day=day, strike=f"less than {low}°")),
        market(BETWEEN, rules.format(day=day, strike=f"between {low}-85°")),
        market(BETWEEN, rules.format(day=day, strike="between 86-87°")),
    ]


TODAY = clauses(PLAIN, ladder("July 19, 2026"))
ACCEPTED = {clause.kind: frozenset({clause.fingerprint, "0" * 16}) for clause in TODAY}


def verdict(found: tuple[Clause, ...], fees: FeeSchedule = PLAIN) -> Terms:
    return judged(fees, found, ACCEPTED)


def test_the_terms_are_the_fees_and_one_clause_for_each_kind_of_strike() -> None:
    assert [clause.kind for clause in TODAY] == [FEES, "rules between", "rules less"]
    assert TODAY[0].text == "quadratic x 1"
    assert TODAY[2].text == (
        "if the highest temperature recorded in central park, new york for (month) #, # as reported by the national"
        " weather service's climatological report (daily), is less than #°, then the market resolves to yes."
    )


@pytest.mark.parametrize("day", ["July 20, 2026", "May 07, 2025", "Sept. 1, 2027", "DEC 31, 2026"])
def test_terms_do_not_depend_on_day_and_degrees(day: str) -> None:
    other = clauses(replace(PLAIN, multiplier=Decimal("1.00")), ladder(day, low="-4", rules=RULES.replace(" ", "\n ")))
    assert other == TODAY
    assert verdict(other) is Terms.ACCEPTED


def test_terms_do_not_depend_on_which_strikes_are_listed() -> None:
    assert verdict(clauses(PLAIN, ladder("July 19, 2026")[1:])) is Terms.ACCEPTED


@pytest.mark.parametrize(
    "changed",
    [
        RULES.replace("Central Park, New York", "LaGuardia Airport"),
        RULES.replace("National Weather Service's", "Weather Company's"),
        RULES.replace("market", "marking"),
    ],
)
def test_another_wording_counts_as_rules_changed(changed: str) -> None:
    assert verdict(clauses(PLAIN, ladder("July 19, 2026", rules=changed))) is Terms.RULES_CHANGED


def test_a_new_kind_of_strike_counts_as_rules_changed() -> None:
    tail = market(Strike(StrikeType.GREATER, floor=91), RULES.format(day="July 19, 2026", strike="greater than 91°"))
    assert verdict(clauses(PLAIN, [*ladder("July 19, 2026"), tail])) is Terms.RULES_CHANGED


@pytest.mark.parametrize(
    "fees",
    [FeeSchedule(FeeType.QUADRATIC, Decimal(2)), FeeSchedule(FeeType.QUADRATIC_WITH_MAKER_FEES, Decimal(1))],
)
def test_another_fee_schedule_counts_as_fees_changed_whatever_the_rules(fees: FeeSchedule) -> None:
    assert verdict(clauses(fees, ladder("July 19, 2026")), fees) is Terms.FEES_CHANGED
    assert verdict(clauses(fees, ladder("July 19, 2026", rules="other")), fees) is Terms.FEES_CHANGED


def test_unknown_fees_are_never_accepted() -> None:
    fees = FeeSchedule(FeeType("flat"), Decimal(1))
    found = clauses(fees, ladder("July 19, 2026"))
    everything = {clause.kind: frozenset({clause.fingerprint}) for clause in found}
    assert judged(fees, found, everything) is Terms.FEES_UNKNOWN


def test_a_fingerprint_is_that_of_the_text() -> None:
    # Stored in databases: it must not change.
    assert TODAY[0].fingerprint == "a89e3787293eac70"
    assert {clause.text for clause in TODAY} != {clause.fingerprint for clause in TODAY}
