"""Commands that check the ledger: what they find, what they close, what they refuse, what they exit with."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.cli import Milkbot
from tests.facts import Facts, market
from tests.postgres import TestDatabase

from milkbot.cli.actor import acting_user
from milkbot.db.state import single_writer
from milkbot.domain.modes import TradingMode

NOON = datetime(2026, 8, 3, 16, 0, tzinfo=UTC)
TICKER = market("NYC", NOON.date())
UNKNOWN = f"""
INSERT INTO ops.orders (trading_mode, client_order_id, ticker, event_ticker, city_code, climate_day, strategy_name,
    side, price, count, time_in_force, exchange_index, attempt, state, created_at, updated_at)
VALUES ('demo', 'mb-lost', '{TICKER}', '{TICKER.rsplit("-", 1)[0]}', 'NYC', '2026-08-03', 's', 'bid', 0.4, 10,
    'immediate_or_cancel', 0, 1, 'pending', now(), now());
UPDATE ops.orders SET state = 'unknown', state_reason = 'no answer' WHERE client_order_id = 'mb-lost'
"""
FINDING = """
INSERT INTO ops.findings (trading_mode, kind, subject, effect, message, ours, theirs, opened_at, seen_at)
VALUES ('demo', :kind, 'x', 'reducing', 'something', CAST(:ours AS jsonb), CAST(:theirs AS jsonb), now(), now())
"""
WHO = acting_user()


@pytest.fixture
def act(database: TestDatabase) -> Any:
    """Changes the database as its owner, or past its guards as whoever owns the server."""

    def do(statement: str, *, tampering: bool = False, **values: Any) -> None:
        with database.engine("postgres" if tampering else "milkbot").begin() as connection:
            if tampering:
                connection.execute(text("SET session_replication_role = replica"))
            for one in statement.split(";"):
                connection.execute(text(one), values)

    return do


def rows(database: TestDatabase, query: str) -> list[tuple[Any, ...]]:
    with database.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_resolving_an_order_is_recorded_with_actor_and_reason(
    milkbot: Milkbot, database: TestDatabase, act: Any
) -> None:
    act(UNKNOWN)
    done = milkbot("orders", "resolve", "1", "--as", "rejected", "--reason", "not on the site")
    assert (done.code, done.out) == (0, "order 1 was unknown and is rejected\n")
    stored = rows(database, "SELECT state, state_event, state_reason FROM ops.orders")
    assert stored == [("rejected", "ruled_rejected", f"{WHO}: not on the site")]
    (told,) = rows(database, "SELECT message FROM ops.risk_events WHERE event_type = 'operator'")
    assert told[0] == f"{WHO} resolved order 1 (mb-lost), unknown, as rejected: not on the site"
    shown = json.loads(milkbot("orders", "show", "1", "--json").out)
    assert [row["event"] for row in shown] == ["committed", "answer_lost", "ruled_rejected"]


@pytest.mark.parametrize("ruling", ["rejected", "canceled", "filled"])
def test_an_order_is_resolved_as_the_operator_says(
    milkbot: Milkbot, database: TestDatabase, act: Any, ruling: str
) -> None:
    act(UNKNOWN)
    assert milkbot("orders", "resolve", "1", "--as", ruling, "--reason", "seen").code == 0
    assert rows(database, "SELECT state FROM ops.orders") == [(ruling,)]


def test_an_order_of_known_outcome_cannot_be_resolved(milkbot: Milkbot, database: TestDatabase) -> None:
    Facts(database.engine()).fill(TICKER, NOON)
    refused = milkbot("orders", "resolve", "1", "--as", "rejected", "--reason", "I like it so")
    assert refused.code == 77
    assert refused.sentences == ["milkbot: order 1 is filled; only one that is pending or unknown can be resolved"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("7", "--as", "rejected", "--reason", "x"), 1, "there is no order 7 in mode demo"),
        (("1", "--as", "rejected", "--reason", " "), 1, "--reason is empty"),
        (("1", "--as", "resting", "--reason", "x"), 2, "'resting' is not one of"),
        (("1", "--reason", "x"), 2, "--as"),
    ],
)
def test_an_impossible_resolution_is_refused(
    milkbot: Milkbot, database: TestDatabase, act: Any, arguments: tuple[str, ...], code: int, said: str
) -> None:
    act(UNKNOWN)
    refused = milkbot("orders", "resolve", *arguments)
    assert refused.code == code
    assert said in refused.err
    assert rows(database, "SELECT state FROM ops.orders") == [("unknown",)]


def test_no_command_changes_the_ledger_during_a_tick(milkbot: Milkbot, database: TestDatabase, act: Any) -> None:
    act(UNKNOWN)
    act(FINDING, kind="manual_order", ours="{}", theirs="{}")
    with single_writer(database.engine(), TradingMode.DEMO):
        assert milkbot("orders", "resolve", "1", "--as", "rejected", "--reason", "x").code == 75
        assert milkbot("reconcile", "--close", "1", "--note", "x").code == 75
    assert rows(database, "SELECT state FROM ops.orders") == [("unknown",)]
    assert rows(database, "SELECT closed_at FROM ops.findings") == [(None,)]


def test_only_open_orders_are_shown_on_request(milkbot: Milkbot, database: TestDatabase, act: Any) -> None:
    Facts(database.engine()).fill(TICKER, NOON)
    act(UNKNOWN)
    shown = json.loads(milkbot("orders", "--open", "--json").out)
    assert [row["client order id"] for row in shown] == ["mb-lost"]


def test_a_finding_is_closed_only_with_a_note(milkbot: Milkbot, database: TestDatabase, act: Any) -> None:
    act(FINDING, kind="manual_order", ours="{}", theirs='{"order_id": "o-1"}')
    shown = milkbot("reconcile", "--list", "--json")
    assert shown.code == 1
    assert [(row["id"], row["theirs"]) for row in json.loads(shown.out)] == [(1, "order_id o-1")]
    assert milkbot("reconcile", "--close", "1").code == 1
    assert rows(database, "SELECT closed_at FROM ops.findings") == [(None,)]
    done = milkbot("reconcile", "--close", "1", "--note", "that was me")
    assert done.code == 0
    assert rows(database, "SELECT closed_by, note FROM ops.findings") == [(WHO, "that was me")]
    again = milkbot("reconcile", "--close", "1", "--note", "again")
    assert again.sentences == [f"milkbot: finding 1 was closed by {WHO}: that was me"]
    assert milkbot("reconcile", "--close", "2", "--note", "x").code == 1


def test_a_confirmed_deposit_is_added_to_the_capital(milkbot: Milkbot, database: TestDatabase, act: Any) -> None:
    act(FINDING, kind="cash_mismatch", ours='{"held_back_at_most": "0"}', theirs='{"capital": "1250.5"}')
    assert milkbot("reconcile", "--close", "1", "--note", "a deposit").code == 0
    assert rows(database, "SELECT capital FROM ops.cash_books WHERE trading_mode = 'demo'")[0][0] == 1250.5


def test_a_cash_finding_cannot_be_closed_while_orders_are_open(
    milkbot: Milkbot, database: TestDatabase, act: Any
) -> None:
    act(FINDING, kind="cash_mismatch", ours='{"held_back_at_most": "4.20"}', theirs='{"capital": "900"}')
    refused = milkbot("reconcile", "--close", "1", "--note", "a withdrawal")
    assert refused.code == 77
    assert "cancel them (milkbot cancel-all)" in refused.err
    assert rows(database, "SELECT capital FROM ops.cash_books WHERE trading_mode = 'demo'") == [(None,)]
    assert rows(database, "SELECT closed_at FROM ops.findings") == [(None,)]


def test_reconcile_sends_no_order(connected: Milkbot, database: TestDatabase) -> None:
    done = connected("reconcile", "--json")
    assert (done.code, json.loads(done.out)) == (0, [])
    assert rows(database, "SELECT outcome, message FROM ops.ticks") == [("completed", "reconciled only")]
    assert rows(database, "SELECT count(*) FROM ops.orders") == [(0,)]
    assert rows(database, "SELECT count(*) FROM ops.balance_snapshots") == [(1,)]


def test_reconcile_is_refused_in_a_mode_without_an_account(milkbot: Milkbot, database: TestDatabase) -> None:
    refused = milkbot("reconcile", TRADING_MODE="shadow")
    assert refused.code == 77
    assert refused.sentences == ["milkbot: TRADING_MODE is shadow, which has no account; there is nothing to reconcile"]
    assert rows(database, "SELECT count(*) FROM ops.ticks") == [(0,)]


def test_a_healthy_ledger_passes_the_audit(milkbot: Milkbot, database: TestDatabase) -> None:
    Facts(database.engine()).fill(TICKER, NOON)
    done = milkbot("audit", "--json")
    assert done.code == 0
    (chain,) = json.loads(done.out)
    head = rows(database, "SELECT seq, encode(hash, 'hex') FROM ops.order_events ORDER BY seq DESC LIMIT 1")[0]
    assert (chain["check"], chain["verdict"], chain["detail"]) == ("chain", "ok", f"{head[0]} events, {head[1]}")


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE ops.order_events SET reason = 'x' WHERE seq = 2", "event 2, of order 1 (mb-1), was changed"),
        ("UPDATE ops.orders SET state = 'canceled' WHERE id = 1", "order 1 (mb-1) is canceled, its events say filled"),
        ("UPDATE ops.orders SET price = 0.41 WHERE id = 1", "order 1 (mb-1) asks for"),
        ("DELETE FROM ops.order_events WHERE seq = 1", "event 1 is missing: the next one is 2"),
    ],
)
def test_the_audit_finds_tampering(
    milkbot: Milkbot, database: TestDatabase, act: Any, tampering: str, said: str
) -> None:
    Facts(database.engine()).fill(TICKER, NOON)
    act(tampering, tampering=True)
    done = milkbot("audit", "--json")
    assert done.code == 1
    found = [row["detail"] for row in json.loads(done.out) if row["verdict"] == "fail"]
    assert any(said in detail for detail in found), found


def test_the_audit_fails_on_a_broken_invariant(milkbot: Milkbot, database: TestDatabase, act: Any) -> None:
    Facts(database.engine()).fill(TICKER, NOON)
    well = milkbot("invariants", "--json")
    assert (well.code, {row["verdict"] for row in json.loads(well.out)}) == (0, {"ok"})
    act("UPDATE ops.orders SET count = 1", tampering=True)
    broken = milkbot("invariants", "--json")
    assert broken.code == 1
    assert "no-more-than-ordered" in {row["name"] for row in json.loads(broken.out) if row["verdict"] == "fail"}


def test_state_shows_everything_that_pauses_the_trader(milkbot: Milkbot, act: Any) -> None:
    assert milkbot("state", "--check").code == 0
    act(FINDING, kind="position_mismatch", ours="{}", theirs="{}")
    act(UNKNOWN)
    shown = milkbot("state", "--check", "--json")
    assert shown.code == 77
    stored = json.loads(shown.out)
    assert [(row["what"], row["value"]) for row in stored] == [
        ("state", "reducing"),
        ("finding 1", "reducing"),
        ("order 1", "unknown"),
        ("size", "by Kelly"),
    ]
    milkbot("halt", "--reason", "storm")
    stored = json.loads(milkbot("state", "--json").out)
    assert [(row["what"], row["value"], row["reason"]) for row in stored[:2]] == [
        ("state", "halted", None),
        ("hold 1", "halted", "storm"),
    ]


def test_profit_is_shown_after_fees_and_by_day(milkbot: Milkbot, database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.fill(TICKER, datetime.now(UTC), count="10", price="0.40", fee="0.17")
    facts.settle(TICKER, datetime.now(UTC), yes=True)
    other = market("NYC", NOON.date(), "B62.5")
    facts.fill(other, datetime.now(UTC) - timedelta(days=3), count="10", price="0.40", fee="0.10")
    facts.settle(other, datetime.now(UTC) - timedelta(days=3), yes=False)
    shown = {row["period"]: row for row in json.loads(milkbot("pnl", "--json").out)}
    assert (shown["today"]["settled"], shown["today"]["fees"], shown["today"]["net"]) == (
        "6.000000",
        "0.170000",
        "5.830000",
    )
    assert shown["7 days"]["net"] == "1.730000"
    assert shown["all"]["net"] == "1.730000"
    assert shown["open"]["unrealized"] == "0"
