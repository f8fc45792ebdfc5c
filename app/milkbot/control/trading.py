"""Halt and resume: the operator's own hold, and the end of holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from milkbot.control.record import Acting, keep, now, reason_of
from milkbot.db import holds
from milkbot.db.session import transaction
from milkbot.domain.trading_state import Effect, Hold, TradingState
from milkbot.errors import DatabaseUnavailableError, MilkbotError, NotPermittedError
from milkbot.trader.orders import kill_file


def halt(acting: Acting, reason: str) -> None:
    """Stop trading at once. Without the database the kill file is written, which every tick obeys.

    Raises MilkbotError when neither works, or for an empty reason.
    """
    said, at, who = reason_of(reason, "--reason", "why"), now(), acting.actor
    try:
        with transaction(acting.engine) as session:
            holds.adopt(session, acting.mode, at)
            holds.add(session, acting.mode, source=who, effect=Effect.HALTED, reason=said, since=at)
            holds.publish(session, acting.mode, at)
            keep(session, acting.mode, f"{who} set the trading state to {TradingState.HALTED}: {said}", at)
    except DatabaseUnavailableError as error:
        file = acting.settings.kill_file
        kill_file.write(file, f"{at:%Y-%m-%d %H:%M:%S} UTC, {who}: {said}\n")
        acting.warn(f"the halt is not in the ledger: {error}")
        acting.say(
            f"trading is halted by the kill file {file}. Once the database answers: milkbot halt --reason ..., and "
            f"remove the file; it alone holds until then"
        )
        return
    acting.say("trading is halted; resume with: milkbot resume --reason ...")


def resume(acting: Acting, reason: str, ids: Collection[int] = ()) -> None:
    """End every hold that is in force, or those of `ids`; what a breaker sets after that counts anew.

    Raises MilkbotError for an empty reason or an id that is not in force, NotPermittedError while there is a kill file.
    """
    said, at, who = reason_of(reason, "--reason", "why"), now(), acting.actor
    found = kill_file.found(acting.settings.kill_file)
    if found is not None:
        raise NotPermittedError(f"{found}; remove it, then resume")
    with transaction(acting.engine) as session:
        holds.adopt(session, acting.mode, at)
        in_force = holds.holds(session, acting.mode, at)
        ended = _chosen(in_force, ids)
        left = holds.resume(session, acting.mode, ended, by=who, at=at, note=said)
        keep(session, acting.mode, f"{who} set the trading state to {left}: {said}", at)
    for one in ended:
        acting.say(f"ended: {line_of(one)}")
    for one in in_force:
        if one not in ended:
            acting.say(f"still held: {line_of(one)}")
    acting.say(f"trading is {left}")


def line_of(hold: Hold) -> str:
    """A hold in one line."""
    until = f" until {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else ""
    return f"{hold.id}, {hold.effect} by {hold.source} since {hold.since:%Y-%m-%d %H:%M} UTC{until}: {hold.reason}"


def _chosen(in_force: Sequence[Hold], ids: Collection[int]) -> list[Hold]:
    """The holds to end. Raises MilkbotError for an id that is not in force."""
    if not ids:
        return list(in_force)
    unknown = sorted(set(ids) - {hold.id for hold in in_force})
    if unknown:
        known = ", ".join(str(hold.id) for hold in in_force) or "none"
        raise MilkbotError(f"--hold is {', '.join(map(str, unknown))}, which is not in force; in force: {known}")
    return [hold for hold in in_force if hold.id in ids]
