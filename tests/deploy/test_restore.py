"""restore-database.sh, and rollback.yml's --tags database and emergency, on a machine that trades."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.deploy.load import asking
from tests.deploy.platform import DOMAIN, Platform, said

SCRIPTS = "/opt/milkbot/deployment/scripts"
MARK = "after the backup"

# Stands before runuser in the path of root's scripts: what psql reads waits for ever when it holds the word.
STOP = """\
#!/bin/sh
case "$*" in
    *psql*ON_ERROR_STOP*) ;;
    *) exec /usr/sbin/runuser "$@" ;;
esac
told=$(mktemp)
cat >"$told"
if grep -q -e "$(cat /run/test-stop)" "$told"; then
    touch /run/test-stopped
    sleep 600
fi
exec /usr/sbin/runuser "$@" <"$told"
"""
MOMENTS = {
    "the timers are held": "CREATE DATABASE milkbot_restore",
    "the new database is filled": "PostgreSQL database dump complete",
    "its properties are copied": "aclexplode",
    "the new database is full": "INSERT INTO ops.trading_states",
    "the names are swapped": "RENAME TO milkbot;",
    "the names were swapped": "OFFSET 2",
}

REST = """
from datetime import UTC, datetime
from decimal import Decimal
from milkbot.cli.context import settings_of_host
from milkbot.domain.clock import SystemClock
from milkbot.domain.orders import BookSide, OrderIntent, TimeInForce
from milkbot.domain.units import Count, Price
from milkbot.trader.clients import open_venue
with open_venue(settings_of_host("test", quiet=True), SystemClock()) as venue:
    # Of a day that is nearly over most brackets are offered at one cent, and nothing rests there.
    newest = max(venue.open_events("KXHIGHNY"), key=lambda event: event.markets[0].close_time)
    for market in newest.markets[2:4]:
        print(venue.create_order(OrderIntent(
            client_order_id=f"test-{market.ticker}-{datetime.now(UTC):%H%M%S}", ticker=market.ticker, side=BookSide.BID,
            count=Count(Decimal(1)), price=Price(Decimal("0.01")), time_in_force=TimeInForce.GOOD_TILL_CANCELED,
            exchange_index=market.exchange_index, created_at=datetime.now(UTC),
        )).order_id)
"""


def _sql(platform: Platform, query: str) -> str:
    return platform.ssh(f"cd / && runuser -u postgres -- psql -XAt milkbot -c {shlex.quote(query)}")


def _backup(platform: Platform) -> str:
    """A backup of now, and a row that it has not."""
    _sql(platform, f"DELETE FROM ops.risk_events WHERE message = '{MARK}'")
    path = platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
    _sql(
        platform,
        "INSERT INTO ops.risk_events (trading_mode, event_type, severity, message, event_time) "
        f"VALUES ('demo', 'operator', 'info', '{MARK}', now())",
    )
    return path


def _is_there(platform: Platform) -> bool:
    return _sql(platform, f"SELECT count(*) FROM ops.risk_events WHERE message = '{MARK}'") != "0"


def _trading(platform: Platform) -> str:
    return _sql(platform, "SELECT state FROM ops.trading_states WHERE trading_mode = 'demo' ORDER BY id DESC LIMIT 1")


def _databases(platform: Platform) -> list[str]:
    return _sql(platform, "SELECT datname FROM pg_database WHERE datname LIKE 'milkbot_restore%'").split()


@pytest.fixture(autouse=True)
def _trading_goes_on(platform: Platform) -> Iterator[None]:
    """Each test begins with a platform that trades, and leaves one."""
    yield
    platform.ssh("milkbot resume --reason 'the test is over'")


def test_a_restore_shows_what_it_loses_and_waits_for_confirmation(platform: Platform) -> None:
    backup = _backup(platform)
    before = platform.state()
    refused = platform.play("rollback.yml", "--tags", "database")
    assert refused.returncode != 0
    assert f"backup {backup}" in said(refused)
    assert "ops.risk_events" in said(refused)
    assert "nobody said yes" in said(refused)
    assert "nothing was changed" in said(refused)
    assert platform.state() == before
    assert _is_there(platform)

    with asking(platform.address, DOMAIN, platform.authority) as answers:
        done = platform.play("rollback.yml", "--tags", "database", confirm="yes")
        time.sleep(2)
        late = len(answers.failures)
        time.sleep(2)
    assert done.returncode == 0, said(done)
    print(f"{len(answers.failures)} of {len(answers.seconds)} answers were no 200: {answers.failures[:3]}")
    assert len(answers.failures) == late, "the pools did not recover"
    assert late < 50
    assert all("503" in failure for failure in answers.failures)
    assert not _is_there(platform)
    assert _trading(platform) == "halted"
    assert platform.state() == before
    entry = platform.history()[-1]
    assert (entry["action"], entry["result"], entry["backup"]) == ("restore", "good", backup)


@pytest.mark.parametrize(("schema", "choice"), [("0007", "database,migrations"), ("0999", "forward to a version")])
def test_a_backup_of_another_schema_is_refused_with_the_way_to_restore_it(
    platform: Platform, schema: str, choice: str
) -> None:
    before, other = platform.state(), "/var/backups/milkbot/pre-deploy/milkbot_20260101_000000.sql.gz"
    whole = platform.ssh(f"{SCRIPTS}/backup-database.sh daily")
    platform.ssh(f"gunzip --stdout {whole} | sed 's/^{before['schema']}$/{schema}/' | gzip > {other}")
    try:
        unknown = platform.play("rollback.yml", "--tags", "database", backup=other, confirm="yes")
        done = platform.play("rollback.yml", "--tags", "database", backup=other, foreign="yes", confirm="yes")
    finally:
        platform.ssh(f"rm {other}")
    assert unknown.returncode != 0
    assert "has no manifest" in said(unknown)
    assert done.returncode != 0
    assert f"holds the schema {schema}" in said(done)
    assert choice in said(done)
    assert platform.state() == before


@contextmanager
def _stopped_when(platform: Platform, word: str, path: str) -> Iterator[str]:
    """A restore on the host that waits for ever at that word, in a unit of its own; yields its process."""
    platform.ssh(
        f"rm -f /run/test-stopped; printf %s {shlex.quote(word)} >/run/test-stop; "
        f"printf %s {shlex.quote(STOP)} >/usr/local/sbin/runuser; chmod 755 /usr/local/sbin/runuser; "
        "systemd-run --quiet --collect --property=KillMode=process "
        f"{SCRIPTS}/restore-database.sh {path}"
    )
    try:
        platform.ssh("timeout 600 sh -c 'until [ -e /run/test-stopped ]; do sleep 0.2; done'")
        yield str(json.loads(platform.ssh("cat /run/lock/milkbot-deploy.json"))["pid"])
    finally:
        platform.ssh("rm -f /usr/local/sbin/runuser /run/test-stop /run/test-stopped")


@pytest.mark.parametrize(
    "moment",
    [moment if "are swapped" in moment else pytest.param(moment, marks=pytest.mark.matrix) for moment in MOMENTS],
)
def test_a_killed_restore_is_completed_by_the_next(platform: Platform, moment: str) -> None:
    backup = _backup(platform)
    before = platform.state()
    with _stopped_when(platform, MOMENTS[moment], backup) as process:
        # Its children live on, as they do when only the script is killed.
        platform.ssh(f"kill -9 {process}")
    swapped = moment == "the names were swapped"
    assert _is_there(platform) != swapped
    assert not swapped or _trading(platform) == "halted"
    assert platform.ssh("systemctl is-active milkbot-resume.timer") == "active"
    after = platform.state()
    assert {**after, "timers": before["timers"], "lock": before["lock"]} == before

    again = platform.ssh(f"{SCRIPTS}/restore-database.sh {backup} 2>&1")
    assert f"passes to this run: its owner, restore-database.sh {backup.rpartition('/')[2]}" in again
    assert platform.state() == before
    assert _databases(platform) == []
    assert not _is_there(platform)
    assert _trading(platform) == "halted"
    assert platform.ssh("systemctl is-active milkbot-resume.timer || true") == "inactive"


@pytest.mark.matrix
def test_a_playbook_takes_the_lock_of_a_killed_restore(platform: Platform) -> None:
    before = platform.state()
    with _stopped_when(platform, MOMENTS["the new database is filled"], _backup(platform)) as process:
        busy = platform.play("rollback.yml", "--tags", "database")
        assert "the lock is held by restore-database.sh" in said(busy)
        platform.ssh(f"kill -9 {process}")
    done = platform.play("rollback.yml", "--tags", "database", confirm="yes")
    assert done.returncode == 0, said(done)
    assert "the lock passes to this run: its owner, restore-database.sh" in said(done)
    assert platform.state() == before
    assert _databases(platform) == []


def test_an_interrupted_restore_changes_nothing_and_is_recorded_as_failed(platform: Platform) -> None:
    before, backup = platform.state(), _backup(platform)
    with _stopped_when(platform, MOMENTS["the new database is filled"], backup) as process:
        platform.ssh(f"systemctl stop $(ps -o unit= {process})")
    assert platform.state() == before
    assert _databases(platform) == []
    assert _is_there(platform)
    assert platform.history()[-1]["result"] == "failed"


def test_an_emergency_halts_and_cancels_before_it_asks_for_confirmation(platform: Platform) -> None:
    before, backup = platform.state(), _backup(platform)
    platform.ssh("curl -fsS -X POST http://127.0.0.1:8900/simulator/resume")  # it may be a Thursday morning
    order = platform.ssh(f"cd / && runuser -u milkbot-owner -- /opt/milkbot/venv/bin/python -I -c {shlex.quote(REST)}")
    assert len(order.split()) == 2
    unanswered = platform.play("rollback.yml", "--tags", "emergency")
    assert unanswered.returncode != 0
    assert "2 of 2 resting orders canceled" in said(unanswered)
    assert "untouched: nobody said yes" in said(unanswered)
    assert _trading(platform) == "halted"
    assert _is_there(platform)
    assert platform.state() == before

    done = platform.play("rollback.yml", "--tags", "emergency", confirm="yes")
    assert done.returncode == 0, said(done)
    assert "no earlier good release" in said(done)
    assert f"what {backup} holds" in said(done)
    assert "milkbot resume --reason" in said(done)
    assert not _is_there(platform)
    assert _trading(platform) == "halted"
    assert platform.state() == before


@pytest.mark.matrix
def test_the_trader_remains_stopped_when_an_emergency_could_not_halt_trading(platform: Platform) -> None:
    before = platform.state()
    updated = platform.play("update.yml", version=platform.versions.commit("Left in an emergency", {}))
    assert updated.returncode == 0, said(updated)
    refuse = (
        "CREATE FUNCTION ops.of_a_test() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not now''; END'"
    )
    _sql(platform, refuse)
    _sql(platform, "CREATE TRIGGER of_a_test BEFORE INSERT ON ops.trading_states EXECUTE FUNCTION ops.of_a_test()")
    since = platform.ssh("date '+%F %T'")
    try:
        done = platform.play("rollback.yml", "--tags", "emergency", backup="/nowhere.sql.gz", confirm="yes")
        timers = platform.state()["timers"]
        started = platform.ssh(
            f"journalctl --quiet --since {shlex.quote(since)} --unit milkbot-trader.timer --grep Started || true"
        )
        resumes = platform.ssh("systemctl is-active milkbot-resume.timer || true")
    finally:
        _sql(platform, "DROP FUNCTION ops.of_a_test CASCADE")
        platform.ssh("systemctl start milkbot-trader.timer")
    assert done.returncode != 0
    assert "COULD NOT BE HALTED" in said(done)
    assert timers == "inactive\nactive"
    assert started == ""
    assert resumes == "inactive"
    assert platform.live() == before["link"]


# Two versions, the newer one with a command that is broken, and an exchange that does not answer.
@pytest.mark.matrix
def test_an_emergency_continues_past_steps_that_fail_and_names_them(platform: Platform) -> None:
    before = platform.state()
    broken = "\n\ndef {act}() -> None:\n    raise RuntimeError('broken')\n"
    acts = {"control": "halt", "cancel": "cancel_all"}
    files = {f"app/milkbot/cli/{file}.py": broken.format(act=act) for file, act in acts.items()}
    commit = platform.versions.commit("Broken acts", files, append=True)
    updated = platform.play("update.yml", version=commit)
    assert updated.returncode == 0, said(updated)
    _backup(platform)
    same = "trading_mode, ticker, event_ticker, city_code, climate_day, strategy_name, side, price, count"
    new = "time_in_force, exchange_index, attempt, client_order_id, venue_order_id, state, created_at, updated_at"
    values = "time_in_force, 0, 1, 'test-' || now(), 'test-order', 'pending', now(), now()"
    _sql(platform, f"INSERT INTO ops.orders ({same}, {new}) SELECT {same}, {values} FROM ops.orders LIMIT 1")
    platform.ssh("systemctl stop milkbot-simulator")
    try:
        done = platform.play("rollback.yml", "--tags", "emergency", confirm="yes")
    finally:
        platform.ssh("systemctl start milkbot-simulator")
    assert done.returncode != 0
    assert "NOT EVERYTHING WAS DONE" in said(done)
    assert "by the ledger: test-order" in said(done)
    assert "trading halted" in said(done)
    assert not _is_there(platform)
    assert _trading(platform) == "halted"
    assert platform.live() == before["link"]
    assert platform.state() == before
