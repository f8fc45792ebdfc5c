"""Do what a request wants."""

from __future__ import annotations

from milkbot.control.findings import close_finding
from milkbot.control.orders import cancel_all
from milkbot.control.record import Acting
from milkbot.control.requests import AcceptTerms, Act, Answer, CancelAll, CloseFinding, Halt, Resume
from milkbot.control.terms import accept_terms
from milkbot.control.trading import halt, resume
from milkbot.errors import MilkbotError


def perform(acting: Acting, wanted: Act) -> None:
    """Do it. Raises MilkbotError as the act does."""
    match wanted:
        case Halt():
            halt(acting, wanted.reason)
        case Resume():
            resume(acting, wanted.reason, wanted.holds)
        case CancelAll():
            cancel_all(acting)
        case CloseFinding():
            close_finding(acting, wanted.finding, wanted.note)
        case AcceptTerms():
            accept_terms(acting, wanted.fingerprints, wanted.reason)


def answered(acting: Acting, said: list[str], wanted: Act) -> Answer:
    """Do it, and put what became of it into words. `said` is the list that `acting` says things to."""
    try:
        perform(acting, wanted)
    except MilkbotError as error:
        return Answer(done=False, said=[*said, str(error)])
    return Answer(done=True, said=said)
