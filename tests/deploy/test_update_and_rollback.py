"""update.yml and rollback.yml on a machine that trades. The tests follow each other: each begins where one ended."""

from __future__ import annotations

import re
import shlex
import subprocess
import time

import pytest
from tests.deploy.load import asking
from tests.deploy.platform import DOMAIN, ROOT, Platform, migration, said
from tests.deploy.running import otherwise
from tests.deploy.sockets import watching
from tests.patience import PATIENCE

HEALTH = "app/milkbot/analytics/service/health.py"
API = "app/milkbot/analytics/api.py"
DROP = 'op.execute("DROP TABLE ops.of_a_test")'
CREATE = 'op.execute("CREATE TABLE ops.of_a_test (id int)")'

# Seconds after its start.
DEATH = 20
BROKEN = {
    "a service that answers 500": {
        HEALTH: "\n\nasync def _no(self):\n    raise RuntimeError('broken on purpose')\n\n\nProbe.check = _no\n",
    },
    "a service that does not start": {API: "\nraise RuntimeError('broken on purpose')\n"},
    "a service that dies after a while": {
        API: f"\nimport os, threading\n\nthreading.Timer({DEATH}, lambda: os._exit(3)).start()\n",
    },
    "a trader that fails": {
        "app/milkbot/cli/tick.py": "\n\ndef tick() -> None:\n    raise RuntimeError('broken on purpose')\n",
    },
    "code that cannot be imported": {
        "app/milkbot/trader/trading_loop.py": "\nraise RuntimeError('broken on purpose')\n"
    },
}
SEEN = {
    "a service that answers 500": "milkbot-analytics-next.service",
    "a service that does not start": "milkbot-analytics-next.service",
    "a service that dies after a while": "milkbot-analytics",
    "a trader that fails": "milkbot-trader.service ran, and left with 70",
    "code that cannot be imported": "broken on purpose",
}
# What does not even become a release: the file, what in it is replaced by what, and what is said of it.
UNBUILT = {
    "a wrong hash in the lock file": ("uv.lock", r"sha256:[0-9a-f]{60}", "sha256:" + 60 * "0", "Hash mismatch"),
    "a dependency that is not locked": (
        "pyproject.toml",
        r'"websockets>=15"',
        '"websockets>=15", "requests>=2"',
        "uv lock",
    ),
    "a build that fails": ("pyproject.toml", 'module-root = "app"', 'module-root = "there_is_none"', "there_is_none"),
}


def test_an_update_and_a_rollback_fail_no_request(platform: Platform) -> None:
    first, unloaded = platform.live(), otherwise(platform)
    commit = platform.versions.commit("Another version", {})
    with (
        watching(platform.address, DOMAIN, platform.authority, count=4) as dashboards,
        asking(platform.address, DOMAIN, platform.authority) as answers,
    ):
        updated = platform.play("update.yml", version=commit)
        second = platform.live()
        returned = platform.play("rollback.yml", "--tags", "code")
        dashboards.wait()
    assert (updated.returncode, returned.returncode) == (0, 0), said(updated) + said(returned)
    assert answers.failures == []
    assert len(answers.seconds) > 100
    slowest, path = max(answers.seconds)
    print(f"{len(answers.seconds)} answers, the slowest after {slowest * 1000:.0f} ms ({path})")
    # The code that has Streamlit's page come back by itself.
    assert {back.code for back in dashboards.returns} == {1012}
    assert len(dashboards.returns) >= 2 * dashboards.count
    slowest = max(back.seconds for back in dashboards.returns)
    print(f"dashboards were closed {len(dashboards.returns)} times, the slowest was back after {slowest:.1f} s")
    assert second.endswith(commit[:12])
    assert [first, second] == list(dict.fromkeys(answers.releases))
    assert platform.live() == first
    assert [(entry["action"], entry["result"], entry["release"]) for entry in platform.history()[-2:]] == [
        ("deploy", "good", second),
        ("rollback", "good", first),
    ]
    assert platform.record(second)["result"] == "bad"
    assert platform.state()["timers"] == "active\nactive"
    # Another test may have left a file's date behind; these two runs leave nothing.
    assert otherwise(platform) == unloaded


def test_a_commit_that_changes_only_the_inventory_deploys_nothing(platform: Platform) -> None:
    before, history = platform.state(), platform.history()
    live = platform.record(platform.live())["commit"]
    changes = {"inventories/production/hosts.yml": "all: {}\n", "README.md": "text\n"}
    commit = platform.versions.commit("The inventory", changes, on=live, ships=False)
    done = platform.play("update.yml", version=commit)
    assert done.returncode == 0, said(done)
    assert f"Nothing to deploy: {before['link']} runs already, and commit {commit[:12]} ships the same files" in said(
        done
    )
    assert platform.state() == before
    assert platform.history() == history


def test_a_reload_of_nginx_fails_no_request_and_reopens_each_dashboard_once(platform: Platform) -> None:
    ended = "timeout 600 sh -c 'while pgrep -f \"[w]orker process is shutting down\"; do sleep 0.2; done' | sort -u"
    with (
        watching(platform.address, DOMAIN, platform.authority, count=8) as dashboards,
        asking(platform.address, DOMAIN, platform.authority, again=True) as answers,
    ):
        for _ in range(5):
            platform.ssh("systemctl reload nginx")
        # A worker from before keeps the sockets that it has, until nginx ends it.
        workers = platform.ssh(ended).split()
        dashboards.wait()
    assert workers != []
    assert answers.failures == []
    assert len(answers.seconds) > 100
    assert len(dashboards.returns) == dashboards.count
    slowest = max(back.seconds for back in dashboards.returns)
    print(f"{len(answers.seconds)} answers; the slowest dashboard was back after {slowest:.1f} s")


# A tick every four seconds, which takes three at least; each notes the release that is current when it begins and ends.
TICKING = """\
[Service]
ExecStartPre=+/bin/sh -c 'echo "begin $$(readlink /opt/milkbot/current)" >>/run/test-ticks'
ExecStartPre=/bin/sleep 3
ExecStopPost=+/bin/sh -c 'echo "end $$(readlink /opt/milkbot/current) $$EXIT_CODE $$EXIT_STATUS" >>/run/test-ticks'
"""
OFTEN = "[Timer]\nOnCalendar=*:*:0/4\nRandomizedDelaySec=0\nAccuracySec=100ms\n"


@pytest.mark.matrix
def test_each_tick_ends_by_itself_as_the_release_that_it_began_with(platform: Platform) -> None:
    first = platform.live()
    commit = platform.versions.commit("While it ticks", {})
    units = {"milkbot-trader.service": TICKING, "milkbot-trader.timer": OFTEN}
    for unit, text in units.items():
        directory = f"/run/systemd/system/{unit}.d"
        platform.ssh(f"mkdir -p {directory} && printf %s {shlex.quote(text)} >{directory}/test.conf")
    again = "systemctl daemon-reload && systemctl restart milkbot-trader.timer"
    platform.ssh(f"rm -f /run/test-ticks; {again}")
    try:
        updated = platform.play("update.yml", version=commit)
        second = platform.live()
        returned = platform.play("rollback.yml")
        platform.ssh("timeout 600 sh -c 'until tail -n 1 /run/test-ticks | grep -q ^end; do sleep 0.1; done'")
        ticks = platform.ssh("cat /run/test-ticks").splitlines()
    finally:
        platform.ssh(f"rm -r {' '.join(f'/run/systemd/system/{unit}.d' for unit in units)}; {again}")
    assert (updated.returncode, returned.returncode) == (0, 0), said(updated) + said(returned)
    begins, ends = ticks[::2], ticks[1::2]
    assert len(ends) > 5
    # One at a time, each ended by itself, as the version that it began as.
    assert [f"{begin.replace('begin', 'end')} exited 0" for begin in begins[: len(ends)]] == ends
    versions = [begin.removeprefix("begin releases/") for begin in begins]
    assert list(dict.fromkeys(versions)) == [first, second]
    assert versions[-1] == first
    assert platform.state()["timers"] == "active\nactive"


@pytest.mark.matrix
def test_an_update_succeeds_after_many_restarts_of_the_services(platform: Platform) -> None:
    before = platform.state()
    commit = platform.versions.commit("After many starts", {})
    # One more within 90 seconds is refused.
    platform.ssh(
        "systemctl reset-failed; for turn in 1 2 3 4 5; do systemctl restart milkbot-analytics milkbot-dashboard; done"
    )
    updated = platform.play("update.yml", version=commit)
    returned = platform.play("rollback.yml", "--tags", "code")
    assert (updated.returncode, returned.returncode) == (0, 0), said(updated) + said(returned)
    assert platform.state() == before


def test_a_rollback_without_an_earlier_good_release_is_refused(platform: Platform) -> None:
    before = platform.state()
    done = platform.play("rollback.yml")
    assert done.returncode != 0
    assert "there is no earlier good release to go back to" in said(done)
    assert platform.state() == before


# One case of each kind runs every time.
@pytest.mark.parametrize(
    "case", [case if case.endswith("500") else pytest.param(case, marks=pytest.mark.matrix) for case in BROKEN]
)
def test_the_old_release_serves_after_an_update_to_a_broken_one(platform: Platform, case: str) -> None:
    before = platform.state()
    commit = platform.versions.commit(case, BROKEN[case], append=True)
    done = platform.play("update.yml", version=commit, systemd_watch_seconds=DEATH + 10)
    assert done.returncode != 0
    assert f"and {before['link']} serves as before" in said(done)
    assert SEEN[case] in said(done)
    assert platform.state() == before
    entry = platform.history()[-1]
    assert (entry["action"], entry["result"], entry["before"]) == ("deploy", "returned", before["link"])
    assert entry["release"].endswith(commit[:12])


@pytest.mark.parametrize(
    "case", [case if case.endswith("locked") else pytest.param(case, marks=pytest.mark.matrix) for case in UNBUILT]
)
def test_a_release_that_cannot_be_built_leaves_nothing_behind(platform: Platform, case: str) -> None:
    before = platform.state()
    name, old, new, sentence = UNBUILT[case]
    text = re.sub(old, new, (ROOT / name).read_text("utf-8"))
    done = platform.play("update.yml", version=platform.versions.commit(case, {name: text}))
    assert done.returncode != 0
    assert sentence in said(done)
    assert f"and {before['link']} serves as before" in said(done)
    assert platform.state() == before
    assert platform.history()[-1]["result"] == "returned"
    assert platform.incomplete() == []


@pytest.mark.matrix
def test_an_update_that_fills_the_disk_leaves_nothing_behind(platform: Platform) -> None:
    """The releases stand on a small file system for a while."""
    before = platform.state()
    top, small = "/opt/milkbot/releases", "/mnt/test-releases"
    megabytes = int(platform.ssh(f"du -sm {top}").split()[0]) + 20
    platform.ssh(f"mkdir -p {small} && mount -t tmpfs -o size={megabytes}m tmpfs {small} && cp -a {top}/. {small}/")
    platform.ssh(f"mount --bind {small} {top}")
    try:
        done = platform.play("update.yml", version=platform.versions.commit("Too much", {}), release_keep_free_gb=0)
        after = platform.state()
        incomplete = platform.incomplete()
    finally:
        platform.ssh(f"umount --lazy {top}; umount --lazy {small}")
    assert done.returncode != 0
    assert "No space left on device" in said(done)
    assert f"and {before['link']} serves as before" in said(done)
    assert after == before
    assert incomplete == []
    assert platform.history()[-1]["result"] == "returned"


@pytest.mark.parametrize("mistake", ["fails half-way", pytest.param("waits for a lock", marks=pytest.mark.matrix)])
def test_a_migration_that_fails_leaves_the_schema_unchanged(platform: Platform, mistake: str) -> None:
    before = platform.state()
    then = 'op.execute("SELECT 1 / 0")' if mistake == "fails half-way" else 'op.execute("LOCK TABLE ops.ticks")'
    changes = migration("0999", before["schema"], up=f"{CREATE}\n    {then}", down=DROP)
    commit = platform.versions.commit(mistake, changes)
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


CONTRACTING = {
    "the linter sees it": (
        'op.drop_column("component_health", "latency_ms", schema="ops")',
        "0999, line 9, ban-drop-column",
    ),
    # What a function does, the linter does not read.
    "only the version before sees it": (
        (
            'op.execute("CREATE FUNCTION ops.of_a_test() RETURNS trigger LANGUAGE plpgsql AS '
            "$$ BEGIN RAISE EXCEPTION 'only the next version may'; END $$\"); "
            'op.execute("CREATE TRIGGER of_a_test BEFORE INSERT ON ops.ticks EXECUTE FUNCTION ops.of_a_test()")'
        ),
        "begin_tick as milkbot_trader: only the next version may",
    ),
}


@pytest.mark.parametrize("case", CONTRACTING)
def test_a_migration_that_breaks_the_release_before_is_refused_or_reverted(platform: Platform, case: str) -> None:
    before = platform.state()
    up, seen = CONTRACTING[case]
    down = 'op.execute("DROP FUNCTION ops.of_a_test CASCADE")'
    changes = migration("0999", before["schema"], up=up, down=down)
    done = platform.play("update.yml", version=platform.versions.commit(case, changes))
    assert done.returncode != 0
    assert seen in said(done)
    assert f"and {before['link']} serves as before" in said(done)
    assert platform.state() == before
    column = "attname = 'latency_ms' AND attrelid = 'ops.component_health'::regclass"
    query = f"SELECT attname, to_regproc('ops.of_a_test') IS NULL FROM pg_attribute WHERE {column}"
    assert platform.ssh(f'cd / && runuser -u postgres -- psql -XAt milkbot -c "{query}"') == "latency_ms|t"


def test_a_rollback_over_a_migration_needs_the_tag_that_reverts_it(platform: Platform) -> None:
    before = platform.state()
    changes = migration("0999", before["schema"], up=CREATE, down=DROP)
    updated = platform.play("update.yml", version=platform.versions.commit("A migration", changes))
    assert updated.returncode == 0, said(updated)
    assert platform.schema() == "0999"
    backup = platform.record(platform.live())["backup"]
    assert platform.ssh(f"test -s {backup} && echo there") == "there"
    sql = "cd / && runuser -u postgres -- psql -XAtq milkbot -c"
    row = "('demo', 'operator', 'info', 'since the update', now())"
    columns = "trading_mode, event_type, severity, message, event_time"
    platform.ssh(f'{sql} "INSERT INTO ops.risk_events ({columns}) VALUES {row}"')

    refused = platform.play("rollback.yml")
    assert refused.returncode != 0
    assert f"wants the schema {before['schema']}, and the database is at 0999" in said(refused)
    assert "--tags code,migrations" in said(refused)
    assert platform.schema() == "0999"

    done = platform.play("rollback.yml", "--tags", "code,migrations")
    assert done.returncode == 0, said(done)
    assert platform.state() == before
    assert platform.ssh(f"{sql} \"DELETE FROM ops.risk_events WHERE message = 'since the update' RETURNING 1\"") == "1"


def test_a_second_update_is_refused_while_one_runs_and_follows_a_killed_one(platform: Platform) -> None:
    before = platform.state()
    commit = platform.versions.commit("Held", {})
    first = subprocess.Popen(
        platform.command("update.yml", version=commit, systemd_watch_seconds=3600),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        deadline = time.monotonic() + PATIENCE
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
    assert "the lock passes to this run" in said(third)
    live = platform.live()
    assert live.endswith(commit[:12])
    assert platform.state() == before | {"link": live, "serving": live}


@pytest.mark.matrix
def test_an_update_with_lock_wait_runs_after_the_one_before(platform: Platform) -> None:
    commits = [platform.versions.commit(which, {}) for which in ("The first", "The second")]
    command = platform.command("update.yml", version=commits[0])
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    deadline = time.monotonic() + PATIENCE
    while not platform.state()["lock"]:
        assert time.monotonic() < deadline, "the first update never took the lock"
        time.sleep(0.5)
    second = platform.play("update.yml", version=commits[1], lock_wait=300)
    assert first.wait() == 0
    assert second.returncode == 0, said(second)
    assert "waiting for the lock" in said(second)
    assert [entry["release"][-12:] for entry in platform.history()[-2:]] == [commit[:12] for commit in commits]
    assert platform.live().endswith(commits[1][:12])


def test_a_release_that_fixes_a_failing_trader_is_deployed(platform: Platform) -> None:
    """What fails already is not blamed on what comes."""
    directory = "/run/systemd/system/milkbot-trader.service.d"
    platform.ssh(
        f"mkdir -p {directory} && printf '[Service]\\nExecStart=\\nExecStart=false\\n' > {directory}/test.conf"
    )
    # A tick that is running is not this one.
    unit = "milkbot-trader.service"
    fail = f"until systemctl is-failed --quiet {unit}; do systemctl start {unit}; sleep 0.2; done"
    platform.ssh(f"systemctl daemon-reload; timeout 600 bash -c '{fail}'; rm -r {directory}; systemctl daemon-reload")
    commit = platform.versions.commit("The mend", {})
    done = platform.play("update.yml", version=commit)
    assert done.returncode == 0, said(done)
    assert platform.live().endswith(commit[:12])
    # The run that proved the new version is the trader's last one.
    assert platform.ssh("systemctl is-failed milkbot-trader.service || true") != "failed"
