"""`doctor`, `db` and `cancel-all`: what they check, what they print, what they exit with."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.cli import Milkbot
from tests.exchange import KEY_ID, Keys
from tests.facts import Facts, market
from tests.postgres import TestDatabase

from milkbot.db.migrate import alembic_config, head_revision
from milkbot.db.ops import Order
from milkbot.domain.clock import SystemClock
from milkbot.domain.orders import BookSide, OrderIntent, OrderState, TimeInForce
from milkbot.domain.units import Count, Price
from milkbot.venue.client import KalshiClient
from milkbot.venue.signing import load_credentials
from milkbot.venue.values import VenueOrderStatus

HEAD = head_revision(alembic_config(None))


def rows_of(milkbot: Milkbot, **more: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code of `doctor`, and each check's verdict and detail."""
    done = milkbot("doctor", "--json", **more)
    return done.code, {row["check"]: (row["verdict"], row["detail"]) for row in json.loads(done.out)}


def test_doctor_checks_everything_and_passes_a_healthy_host(connected: Milkbot, database: TestDatabase) -> None:
    now = datetime.now(UTC)
    Facts(database.engine()).tick(now, finished=now, outcome="completed")
    code, rows = rows_of(connected)
    assert list(rows) == [
        "configuration", "keys", "database", "schema", "trading state", "findings", "newest tick", "markets seen",
        "exchange", "clock", "account", "weather", "disk",
    ]  # fmt: skip
    assert [check for check, (verdict, _) in rows.items() if verdict == "fail"] == []
    assert code == 0
    assert rows["schema"] == ("ok", f"revision {HEAD}")
    assert rows["account"] == ("ok", "1000.00 dollars free")


def test_doctor_fails_each_broken_part_and_checks_the_others(milkbot: Milkbot) -> None:
    code, rows = rows_of(milkbot, POSTGRES_HOST="/nowhere")
    assert code == 1
    assert {check for check, (verdict, _) in rows.items() if verdict == "fail"} == {"database", "exchange", "weather"}
    assert "disk" in rows


def test_doctor_reports_open_findings(connected: Milkbot, database: TestDatabase) -> None:
    finding = """
        INSERT INTO ops.findings (trading_mode, kind, subject, effect, message, ours, theirs, opened_at, seen_at)
        VALUES ('demo', 'position_mismatch', :effect, :effect, 'it differs', '{}', '{}', now(), now())
    """
    with database.engine().begin() as connection:
        connection.execute(text(finding), {"effect": "reducing"})
    code, rows = rows_of(connected)
    assert rows["finding 1"] == ("warn", "it differs; see: milkbot reconcile --list")
    assert code == 0
    with database.engine().begin() as connection:
        connection.execute(text(finding), {"effect": "halted"})
    code, rows = rows_of(connected)
    assert (code, rows["finding 2"][0]) == (1, "fail")


def test_doctor_fails_on_a_key_that_cannot_be_used(connected: Milkbot, tmp_path: Path) -> None:
    code, rows = rows_of(connected, KALSHI_PRIVATE_KEY_PATH=str(tmp_path / "none.pem"))
    assert code == 1
    assert rows["keys"][0] == "fail"
    assert "cannot be read" in rows["keys"][1]


def test_doctor_with_a_wrong_clock_fails_that_row_and_hides_no_other(connected: Milkbot, origin: str) -> None:
    skew = {"rules": [{"fault": "clock_skew", "seconds": 25, "times": None}]}
    httpx2.post(f"{origin}/simulator/faults", json=skew).raise_for_status()
    try:
        code, rows = rows_of(connected)
    finally:
        httpx2.delete(f"{origin}/simulator/faults").raise_for_status()
    assert code == 1
    assert rows["clock"][0] == "fail"
    assert (rows["exchange"][0] in {"ok", "warn"}, rows["account"][0]) == (True, "ok")


def test_doctor_reports_a_late_tick_and_a_halt(connected: Milkbot, database: TestDatabase) -> None:
    connected("halt", "--reason", "storm")
    Facts(database.engine()).tick(datetime.now(UTC) - timedelta(minutes=20))
    code, rows = rows_of(connected)
    assert code == 1
    assert rows["newest tick"] == ("fail", "20 minutes ago; run: systemctl status milkbot-trader.timer")
    assert rows["trading state"] == ("warn", "halted: storm; when fixed run: milkbot resume")


def test_doctor_names_the_remedy_for_a_database_without_schema(
    connected: Milkbot, empty_database: TestDatabase
) -> None:
    code, rows = rows_of(connected, **empty_database.environment())
    assert code == 1
    verdict, detail = rows["database"]
    assert verdict == "fail"
    assert detail.endswith("run: milkbot db upgrade")


def test_db_commands_report_the_revision_before_and_after_the_migration(
    milkbot: Milkbot, empty_database: TestDatabase
) -> None:
    milkbot.environment |= empty_database.environment()
    assert milkbot("db", "current").out == "none\n"
    assert milkbot("db", "head").out == f"{HEAD}\n"
    before = milkbot("db", "check")
    assert before.code == 1
    assert before.sentences == [
        f"milkbot: the database is at revision None, this release needs {HEAD}; run: milkbot db upgrade"
    ]
    assert milkbot("db", "upgrade").out == f"none -> {HEAD}\n"
    assert milkbot("db", "upgrade").out == f"{HEAD} already\n"
    assert milkbot("db", "check").out == f"{HEAD} is the newest revision\n"
    assert milkbot("db", "downgrade", "0001").out == f"{HEAD} -> 0001\n"
    assert milkbot("db", "check").code == 1


def test_db_sql_prints_pending_migrations_only(milkbot: Milkbot, empty_database: TestDatabase) -> None:
    assert milkbot("db", "sql").out == ""
    assert "-- Running upgrade 0007 -> 0008" in milkbot("db", "sql", "0007:0008").out
    due = milkbot("db", "sql", **empty_database.environment())
    assert (due.code, due.out.count("-- Running upgrade")) == (0, int(HEAD))


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ("0007", 2, "'0007' is no FROM:TO"),
        ("0007:", 2, "'0007:' is no FROM:TO"),
        ("0007:nothing", 1, "the migration cannot run: Can't locate revision identified by 'nothing'"),
        ("nothing:head", 1, "the migration cannot run: Can't locate revision identified by 'nothing'"),
    ],
)
def test_db_sql_of_an_unknown_revision_is_refused_and_prints_nothing(
    milkbot: Milkbot, asked: str, code: int, said: str
) -> None:
    refused = milkbot("db", "sql", asked)
    assert (refused.code, refused.out) == (code, "")
    assert said in " ".join(refused.err.replace("│", " ").split())


def test_migration_that_waits_for_a_lock_reports_which_timeout_ended_it(
    milkbot: Milkbot, database: TestDatabase
) -> None:
    with database.engine().connect() as reader:
        reader.execute(text("LOCK TABLE ops.fills IN ACCESS SHARE MODE"))
        blocked = milkbot("db", "downgrade", "0006", "--lock-timeout", "1")
    assert blocked.code == 1
    (sentence,) = blocked.sentences
    assert sentence.startswith("milkbot: the migration ended by its timeout, and nothing of that revision was kept: ")
    assert sentence.endswith(
        "due to lock timeout; run it again when its tables are less busy, or give it longer: --lock-timeout"
    )
    assert milkbot("db", "upgrade").code == 0


def test_unknown_revision_is_refused_in_one_sentence(milkbot: Milkbot) -> None:
    refused = milkbot("db", "upgrade", "no_such_revision")
    assert refused.code == 1
    assert refused.sentences == [
        "milkbot: the migration cannot run: Can't locate revision identified by 'no_such_revision'"
    ]


@pytest.mark.parametrize("command", ["check", "current", "upgrade"])
def test_db_command_without_a_server_fails_with_one_sentence(milkbot: Milkbot, command: str) -> None:
    done = milkbot("db", command, POSTGRES_HOST="/nowhere")
    assert done.code == 71
    assert len(done.sentences) == 1


def test_cancel_all_cancels_resting_orders_and_reports_how_many(connected: Milkbot, origin: str, keys: Keys) -> None:
    httpx2.post(f"{origin}/simulator/resume").raise_for_status()  # it may be a Thursday morning
    client = KalshiClient(f"{origin}/trade-api/v2", load_credentials(KEY_ID, keys.private_key), SystemClock())
    try:
        # The newest one: of a day that is nearly over most markets are offered at one cent.
        event = max(client.open_events("KXHIGHNY"), key=lambda event: event.markets[0].close_time)
        for number, market in enumerate(event.markets[2:4]):
            client.create_order(
                OrderIntent(
                    client_order_id=f"resting-{number}",
                    ticker=market.ticker,
                    side=BookSide.BID,
                    count=Count(Decimal(1)),
                    price=Price(Decimal("0.01")),
                    time_in_force=TimeInForce.GOOD_TILL_CANCELED,
                    exchange_index=market.exchange_index,
                    created_at=datetime.now(UTC),
                )
            )
        assert connected("cancel-all").out == "2 of 2 resting orders canceled\n"
        assert client.orders(status=VenueOrderStatus.RESTING) == []
        assert connected("cancel-all").out == "0 of 0 resting orders canceled\n"
    finally:
        client.close()


def test_cancel_all_names_orders_that_may_be_open_when_the_exchange_is_silent(
    milkbot: Milkbot, database: TestDatabase
) -> None:
    now = datetime.now(UTC)
    order = Order(
        trading_mode="demo",
        client_order_id="mb-1",
        venue_order_id="order-1",
        ticker=market("NYC", now.date()),
        event_ticker="any",
        city_code="NYC",
        climate_day=now.date(),
        strategy_name="any",
        side=BookSide.BID,
        price=Decimal("0.40"),
        count=Decimal(1),
        time_in_force=TimeInForce.GOOD_TILL_CANCELED,
        exchange_index=0,
        attempt=1,
        state=OrderState.PENDING,
        created_at=now,
        updated_at=now,
    )
    with Session(database.engine()) as session, session.begin():
        session.add(order)
    done = milkbot("cancel-all")
    assert done.code == 69
    assert f"not known to be canceled, by the ledger: order-1 ({market('NYC', now.date())})" in done.err
    without = milkbot("cancel-all", POSTGRES_HOST="/nowhere")
    assert without.code == 69
    assert "the ledger cannot be read" in without.err


def test_history_runs_only_against_the_simulator(milkbot: Milkbot) -> None:
    refused = milkbot("history", KALSHI_API_BASE="https://demo-api.kalshi.co/trade-api/v2")
    assert refused.code == 1
    assert len(refused.sentences) == 1


def test_history_on_the_wall_clock_does_nothing(connected: Milkbot, database: TestDatabase) -> None:
    assert connected("history").out == "the simulator runs on the wall clock already; nothing to do\n"
    with database.engine().connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ops.ticks")) == 0


def test_replay_of_an_absent_folder_is_a_usage_error(milkbot: Milkbot, tmp_path: Path) -> None:
    assert milkbot("replay", str(tmp_path / "absent"), "--day", "2025-12-16").code == 2
    assert milkbot("replay", str(tmp_path), "--day", "someday").code == 2
