"""What the page shows, whom it refuses, and what an act by it leaves behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from tests.cli import Milkbot
from tests.integration.operate.conftest import Page
from tests.postgres import TestDatabase

from milkbot.errors import MilkbotError
from milkbot.trader.orders import kill_file

USER = "root"


def rows(database: TestDatabase, query: str) -> list[tuple[Any, ...]]:
    with database.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


HOLDS = "SELECT source, effect, reason, until, tick_id FROM ops.trading_holds ORDER BY id"
EVENTS = "SELECT event_type, severity, message, payload, city_code, ticker FROM ops.risk_events ORDER BY id"
STATES = "SELECT state, reason, set_by, until FROM ops.trading_states ORDER BY id"


def test_a_halt_by_page_leaves_the_rows_of_one_by_command_but_for_the_actor(
    page: Page,
    database: TestDatabase,
    acting: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = Milkbot(monkeypatch, capsys)
    typed.environment = acting
    assert typed("halt", "--reason", "storm").code == 0
    by_command = [rows(database, query) for query in (HOLDS, EVENTS)]
    me = str(by_command[0][0][0])
    assert typed("resume", "--reason", "over").code == 0
    before = len(rows(database, HOLDS)), len(rows(database, EVENTS))

    assert "trading is halted" in page.act("halt", {"reason": "storm"}).text

    by_page = [rows(database, HOLDS)[before[0] :], rows(database, EVENTS)[before[1] :]]
    assert str(by_page).replace(f"{USER} via ssh", me) == str(by_command)
    assert rows(database, STATES)[-1] == ("halted", "storm", f"{USER} via ssh", None)


def test_resume_ends_the_holds_that_were_shown_and_no_other(page: Page, database: TestDatabase) -> None:
    page.act("halt", {"reason": "first"})
    shown = page.ticket("resume")
    page.act("halt", {"reason": "set while the page was looked at"})
    said = page.act("resume", {"hold": "1", "reason": "known"}, ticket=shown).text
    assert "trading is halted" in said
    assert rows(database, "SELECT hold_id, note FROM ops.hold_acknowledgements") == [(1, "known")]


def test_a_form_that_is_sent_twice_acts_once(page: Page, database: TestDatabase) -> None:
    ticket = page.ticket("halt")
    first, second = (page.act("halt", {"reason": "storm"}, ticket=ticket) for _ in range(2))
    assert "trading is halted" in first.text
    assert "trading is halted" in second.text
    assert len(rows(database, HOLDS)) == 1


def test_an_act_without_a_reason_does_nothing(page: Page, database: TestDatabase) -> None:
    refused = page.act("halt", {"reason": "  "})
    assert (refused.status_code, "reason is empty" in refused.text) == (400, True)
    assert rows(database, HOLDS) == []


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Origin": "https://elsewhere.example"}, "from the page itself"),
        ({"Origin": ""}, "from the page itself"),
        ({"Origin": "null"}, "from the page itself"),
        ({"Host": "rebound.example:8502", "Origin": "http://rebound.example:8502"}, "no other name"),
        ({"Host": "127.0.0.1:8502"}, "no other name"),
    ],
)
def test_an_act_of_another_origin_or_name_is_refused(
    page: Page, database: TestDatabase, headers: dict[str, str], why: str
) -> None:
    ticket = page.ticket("halt")
    refused = page.act("halt", {"reason": "storm"}, ticket=ticket, **headers)
    assert (refused.status_code, why in refused.text) == (403, True)
    assert rows(database, HOLDS) == []


def test_a_page_under_another_name_shows_nothing(page: Page) -> None:
    refused = page.get(Host="rebound.example:8502")
    assert (refused.status_code, "Milkbot" in refused.text) == (403, False)


def test_a_ticket_that_this_page_never_gave_acts_on_nothing(page: Page, database: TestDatabase) -> None:
    refused = page.act("halt", {"reason": "storm"}, ticket="made-up")
    assert (refused.status_code, "too old" in refused.text) == (409, True)
    assert rows(database, HOLDS) == []


def test_no_answer_may_be_framed_cached_or_run_what_is_not_its_own(page: Page) -> None:
    for shown in (page.get(), page.get(Host="other")):
        policy = shown.headers["content-security-policy"]
        assert ("default-src 'none'" in policy, "frame-ancestors 'none'" in policy, "unsafe" in policy) == (
            True,
            True,
            False,
        )
        assert shown.headers["cache-control"] == "no-store"


def test_cancel_all_asks_the_exchange(page: Page) -> None:
    assert "0 of 0 resting orders canceled" in page.act("cancel-all", {}).text


def test_a_halt_without_the_database_writes_the_kill_file_and_says_so(
    page: Page, database: TestDatabase, tmp_path: Path
) -> None:
    with database.engine("postgres").connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        admin.execute(text(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0"))
        for role in ("milkbot_operator", "milkbot"):
            admin.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"))
    away = page.get()
    assert "The database does not answer" in away.text
    said = page.act("halt", {"reason": "no database"}, ticket=page.ticket("halt", away.text)).text
    assert f"trading is halted by the kill file {tmp_path / 'HALT'}" in said
    assert "root via ssh: no database" in (tmp_path / "HALT").read_text("utf-8")


def test_a_halt_writes_through_no_link_that_the_trader_made(tmp_path: Path) -> None:
    """Whoever halts may write where the trader may not."""
    secret = tmp_path / ".env"
    secret.write_text("secret", encoding="utf-8")
    link = tmp_path / "HALT"
    link.symlink_to(secret)
    with pytest.raises(MilkbotError, match="cannot be written"):
        kill_file.write(link, "storm")
    assert secret.read_text(encoding="utf-8") == "secret"


def test_an_act_that_got_no_answer_is_said_to_be_unknown(page: Page) -> None:
    page.processes[1].terminate()
    page.processes[1].wait()
    said = page.act("halt", {"reason": "storm"}).text
    assert "nothing was done: the service that acts cannot be reached" in said


def test_the_role_of_the_page_reads_and_cannot_write(database: TestDatabase) -> None:
    with database.engine("milkbot_operator").connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ops.orders")) == 0
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("DELETE FROM ops.trading_holds"))


def test_what_others_wrote_is_text_and_no_markup(page: Page) -> None:
    page.act("halt", {"reason": "<script>alert(1)</script>"})
    shown = page.get().text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_the_health_checks_failures_are_shown_with_their_remedy(page: Page) -> None:
    assert "no result of the health check yet" in page.get().text
    found = [
        {"name": "disk /", "state": "fail", "value": "99 %", "remedy": "free some"},
        {"name": "newest backup", "state": "ok", "value": "2 h old", "remedy": ""},
    ]
    at = datetime.now(UTC).isoformat()
    (page.directory / "health.json").write_text(
        json.dumps({"at": at, "release": "abc", "result": "fail", "rows": found})
    )
    shown = page.get().text
    assert ("disk /" in shown, "free some" in shown, "2 rows, 1 not ok" in shown) == (True, True, True)
