"""update.yml and rollback.yml on a machine that trades. The tests follow each other: each begins where one ended."""

from __future__ import annotations

import subprocess
import time

import pytest
from tests.deploy.load import asking
from tests.deploy.platform import DOMAIN, ROOT, Platform, said

HEALTH = "app/milkbot/analytics/service/health.py"
API = "app/milkbot/analytics/api.py"
MIGRATION = "app/migrations/versions/0999_test.py"

NEXT_MIGRATION = '''"""A migration of the tests'."""

from alembic import op

revision = "0999"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {up}


def downgrade() -> None:
    op.execute("DROP TABLE ops.of_a_test")
'''
CREATE = 'op.execute("CREATE TABLE ops.of_a_test (id int)")'

BROKEN = {
    "a service that answers 500": {
        HEALTH: "\n\nasync def check(read):\n    raise RuntimeError('broken on purpose')\n",
    },
    "a service that does not start": {API: "\nraise RuntimeError('broken on purpose')\n"},
    "a service that dies after a while": {
        API: "\nimport os, threading\n\nthreading.Timer(20, lambda: os._exit(3)).start()\n",
    },
    "code that cannot be imported": {
        "app/milkbot/trader/trading_loop.py": "\nraise RuntimeError('broken on purpose')\n"
    },
}
SEEN = {
    "a service that answers 500": "milkbot-analytics-next.service",
    "a service that does not start": "milkbot-analytics-next.service",
    "a service that dies after a while": "milkbot-analytics",
    "code that cannot be imported": "broken on purpose",
}


def test_an_update_and_a_rollback_lose_a_request(platform: Platform) -> None:
    first = platform.live()
    commit = platform.versions.commit("Another version", {})
    with asking(platform.address, DOMAIN, platform.authority) as answers:
        updated = platform.play("update.yml", version=commit)
        second = platform.live()
        returned = platform.play("rollback.yml", "--tags", "code")
    assert (updated.returncode, returned.returncode) == (0, 0), said(updated) + said(returned)
    assert answers.failures == []
    assert len(answers.seconds) > 500
    slowest, path = max(answers.seconds)
    print(f"{len(answers.seconds)} answers, the slowest after {slowest * 1000:.0f} ms ({path})")
    assert second.endswith(commit[:12])
    assert [first, second] == list(dict.fromkeys(answers.releases))
    assert platform.live() == first
    assert [(entry["action"], entry["result"], entry["release"]) for entry in platform.history()[-2:]] == [
        ("deploy", "good", second),
        ("rollback", "good", first),
    ]
    assert platform.record(second)["result"] == "bad"
    assert platform.state()["timers"] == "active\nactive"


def test_a_rollback_finds_something_where_nothing_is(platform: Platform) -> None:
    before = platform.state()
    done = platform.play("rollback.yml")
    assert done.returncode != 0
    assert "there is no earlier good release to go back to" in said(done)
    assert platform.state() == before


# One case of each kind runs every time.
@pytest.mark.parametrize(
    "case", [case if case.endswith("500") else pytest.param(case, marks=pytest.mark.matrix) for case in BROKEN]
)
def test_a_broken_version_stays(platform: Platform, case: str) -> None:
    before = platform.state()
    commit = platform.versions.commit(case, BROKEN[case], append=True)
    done = platform.play("update.yml", version=commit)
    assert done.returncode != 0
    assert f"and {before['link']} serves as before" in said(done)
    assert SEEN[case] in said(done)
    assert platform.state() == before
    entry = platform.history()[-1]
    assert (entry["action"], entry["result"], entry["before"]) == ("deploy", "returned", before["link"])
    assert entry["release"].endswith(commit[:12])


@pytest.mark.parametrize("mistake", ["fails half-way", pytest.param("waits for a lock", marks=pytest.mark.matrix)])
def test_a_migration_that_ends_early_leaves_something(platform: Platform, mistake: str) -> None:
    before = platform.state()
    then = 'op.execute("SELECT 1 / 0")' if mistake == "fails half-way" else 'op.execute("LOCK TABLE ops.ticks")'
    text = NEXT_MIGRATION.format(before=before["schema"], up=f"{CREATE}\n    {then}")
    commit = platform.versions.commit(mistake, {MIGRATION: text})
    if mistake == "waits for a lock":
        # Nothing can run that conflicts with the backup's lock; this one does not, and the migration's does.
        hold = "LOCK TABLE ops.ticks IN ACCESS SHARE MODE; SELECT pg_sleep(600)"
        platform.ssh(
            "systemd-run --quiet --unit=test-holder --collect runuser -u postgres -- "
            f"psql --no-psqlrc --dbname=milkbot --command='BEGIN; {hold}'"
        )
    try:
        done = platform.play("update.yml", version=commit)
    finally:
        others = "query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid()"
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
        platform.ssh(f'cd / && runuser -u postgres -- psql -XAt milkbot -c "{ended}"')
    assert done.returncode != 0
    assert f"and {before['link']} serves as before" in said(done)
    assert platform.state() == before
    query = "SELECT to_regclass('ops.of_a_test') IS NULL"
    assert platform.ssh(f'cd / && runuser -u postgres -- psql -XAt milkbot -c "{query}"') == "t"


def test_a_rollback_leaves_the_schema_to_luck(platform: Platform) -> None:
    before = platform.state()
    text = NEXT_MIGRATION.format(before=before["schema"], up=CREATE)
    updated = platform.play("update.yml", version=platform.versions.commit("A migration", {MIGRATION: text}))
    assert updated.returncode == 0, said(updated)
    assert platform.schema() == "0999"
    backup = platform.record(platform.live())["backup"]
    assert platform.ssh(f"test -s {backup} && echo there") == "there"

    refused = platform.play("rollback.yml")
    assert refused.returncode != 0
    assert f"wants the schema {before['schema']}, and the database is at 0999" in said(refused)
    assert "--tags code,migrations" in said(refused)
    assert platform.schema() == "0999"

    done = platform.play("rollback.yml", "--tags", "code,migrations")
    assert done.returncode == 0, said(done)
    assert platform.state() == before


def test_two_updates_run_at_once(platform: Platform) -> None:
    before = platform.state()
    commit = platform.versions.commit("Held", {})
    first = subprocess.Popen(
        platform.command("update.yml", version=commit, systemd_watch_seconds=3600),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        deadline = time.monotonic() + 120
        while not platform.state()["lock"]:
            assert time.monotonic() < deadline, "the first update never took the lock"
            time.sleep(0.5)
        second = platform.play("rollback.yml")
        assert second.returncode != 0
        assert "the lock is held by Update the Milkbot platform of" in said(second)
    finally:
        first.kill()
        first.wait()
    # Its lock is still there, and its owner is known to be dead; whatever it was doing is finished.
    third = platform.play("update.yml", version=commit)
    assert third.returncode == 0, said(third)
    assert "the lock is taken over" in said(third)
    assert platform.live().endswith(commit[:12])
    assert platform.state() == before | {key: platform.state()[key] for key in ("link", "serving")}
