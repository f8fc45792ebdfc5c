"""site.yml -e restore_from=...: a machine that is lost, and a new one with its ledger."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.platform import Platform, migration, said
from tests.deploy.second_machine import copy, like, machine, store_machine
from tests.deploy.stopping import stopping

SCRIPTS = "/opt/milkbot/deployment/scripts"
BACKUPS = "/var/backups/milkbot"
NEW, STORE = "recovery-new", "recovery-store"
TIMERS = "milkbot-trader.timer milkbot-rollups.timer"
SIMULATOR = "/var/lib/milkbot-simulator"

# A digest of every row of every table, and how many rows it has; and where every sequence stands.
CHECKSUMS = r"""
SELECT format('SELECT %L, md5(coalesce(string_agg(t::text, E''\n'' ORDER BY t::text), '''')), count(*) FROM %I.%I AS t',
    schemaname || '.' || tablename, schemaname, tablename)
FROM pg_tables WHERE schemaname IN ('ops', 'analytics') ORDER BY 1
\gexec
SELECT schemaname || '.' || sequencename, last_value, 0 FROM pg_sequences WHERE schemaname IN ('ops', 'analytics')
"""
# What halts trading after a restore.
HALTED = {"ops.trading_states", "ops.trading_states_id_seq"}


def _sql(platform: Platform, query: str, database: str = "milkbot") -> str:
    return platform.ssh(f"cd / && runuser -u postgres -- psql -XqAt {database} <<'EOF'\n{query}\nEOF")


def _checksums(platform: Platform) -> dict[str, str]:
    return dict(line.split("|", 1) for line in _sql(platform, CHECKSUMS).splitlines())


def _hold(platform: Platform) -> None:
    """Nothing writes into the ledger from here on."""
    platform.ssh(
        f"systemctl stop {TIMERS}; "
        "while systemctl show --property=ActiveState 'milkbot-*.service' | grep -q activating; do sleep 1; done"
    )


def _trading(platform: Platform, modes: str = "shadow, demo, live") -> str:
    """The states of these modes, each once."""
    newest = "SELECT DISTINCT ON (trading_mode) * FROM ops.trading_states ORDER BY trading_mode, id DESC"
    wanted = f"trading_mode = ANY (regexp_split_to_array('{modes}', ', '))"
    return _sql(platform, f"SELECT string_agg(DISTINCT state, ' ') FROM ({newest}) AS newest WHERE {wanted}")


def _changed(output: str) -> int:
    """How many tasks of a play changed something."""
    return int(re.findall(r"changed=(\d+)", output)[-1])


@dataclass(frozen=True, slots=True)
class Lost:
    """A machine whose ledger was backed up remotely before it was lost."""

    machine: Platform
    variables: dict[str, Any]
    """How the store is reached, and for whom it is encrypted."""
    identity: Path
    commit: str
    books: dict[str, str]
    backup: str
    file: Path
    """The same backup on the control node."""


@pytest.fixture(scope="module")
def lost(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lost]:
    """The platform's machine, whose ticks are held until the tests of a recovery are over."""
    directory = tmp_path_factory.mktemp("lost")
    identity = directory / "identity.txt"
    with store_machine(STORE) as variables:
        first = platform.play("site.yml", "--tags", "backup", **variables)
        assert first.returncode == 0, said(first)
        identity.touch(mode=0o600)
        identity.write_text(platform.ssh("age-keygen 2>/dev/null"), encoding="utf-8")
        public = re.findall(r"age1\w+", identity.read_text(encoding="utf-8"))
        variables |= {"backup_age_recipients": public}
        _hold(platform)
        platform.ssh("systemctl stop milkbot-simulator cron")
        try:
            second = platform.play("site.yml", "--tags", "backup", **variables)
            assert second.returncode == 0, said(second)
            brought = platform.play("backup.yml", fetch_to=str(directory))
            assert brought.returncode == 0, said(brought)
            (file,) = directory.glob("*.sql.gz")
            commit = platform.record(platform.live())["commit"]
            yield Lost(platform, variables, identity, commit, _checksums(platform), file.name, file)
        finally:
            platform.ssh(f"systemctl start milkbot-simulator cron {TIMERS}")
            done = platform.play("site.yml", "--tags", "backup")
            assert done.returncode == 0, said(done)


@pytest.fixture(scope="module")
def new(lost: Lost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A fresh machine. The exchange was not lost with the old one, so what the local one knows is there."""
    with machine(NEW) as address:
        found = like(lost.machine, NEW, address, tmp_path_factory.mktemp("new"))
        copy(lost.machine, SIMULATOR, found)
        yield found


def _recover(platform: Platform, lost: Lost, *options: str, **given: Any) -> Any:
    """Run site.yml with what an operator gives it then; `given` wins."""
    variables = {
        "restore_from": "offsite",
        "restore_identity": str(lost.identity),
        "release_commit": lost.commit,
        # Ticks would go on writing, and the test compares every row.
        "systemd_start_timers": False,
    }
    return platform.play("site.yml", *options, **{**variables, **lost.variables, **given})


def _minutes(output: str) -> list[tuple[str, float]]:
    """The seconds of each role, from what ansible.posix.profile_roles prints."""
    return [(name, float(seconds)) for name, seconds in re.findall(r"^(\w+) -+ ([\d.]+)s$", output, re.MULTILINE)]


PROFILE = {"ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_roles"}


@pytest.mark.matrix
def test_a_new_machine_recovers_the_ledger_of_a_lost_one_and_trading_remains_halted(lost: Lost, new: Platform) -> None:
    dry = _recover(new, lost, "--check")
    assert dry.returncode == 0, said(dry)
    assert "The newest backup of store:milkbot would be restored" in said(dry)

    began = time.monotonic()
    done = _recover(new, lost, environment=PROFILE)
    seconds = time.monotonic() - began
    assert done.returncode == 0, said(done)
    print(f"\n| part | seconds |\n|---|---:|\n| all of site.yml | {seconds:.1f} |")
    for name, part in _minutes(done.stdout)[:8]:
        print(f"| - {name} | {part:.1f} |")
    secret = re.findall(r"AGE-SECRET-KEY-\w+", lost.identity.read_text(encoding="utf-8"))[0]
    assert secret not in done.stdout + done.stderr
    # Not in plain words: sudo logs what it runs.
    word = f"$(echo {base64.b64encode(secret.encode()).decode()} | base64 -d)"
    assert new.ssh(f'grep -rlF "{word}" /root /home /run /tmp /var/log /var/tmp /etc 2>/dev/null || true') == ""

    books, before = _checksums(new), lost.books
    differing = {table for table in {*books, *before} if books.get(table) != before.get(table)}
    print(f"{len(before)} tables, {sum(int(found.rpartition('|')[2]) for found in before.values())} rows")
    assert differing == HALTED
    rows = "SELECT string_agg(DISTINCT state || ', ' || reason, ';'), count(*) FROM ops.trading_states WHERE id > "
    had = before["ops.trading_states"].rpartition("|")[2]
    newest = f"(SELECT coalesce(max(id), 0) FROM (SELECT id FROM ops.trading_states ORDER BY id LIMIT {had}) AS had)"
    assert _sql(new, rows + newest) == f"halted, restored from {lost.backup}|3"
    # What came by site.yml itself is as on any machine, and nothing empty is left next to it.
    assert _sql(new, "SELECT datname FROM pg_database WHERE datname LIKE 'milkbot%'", "postgres") == "milkbot"
    assert new.ssh(f"ls {BACKUPS}/daily/{lost.backup}").endswith(lost.backup)
    (line,) = [line for line in new.history() if line["action"] == "restore"]
    assert (line["result"], line["backup"]) == ("good", lost.backup)

    # The newest backup off-site is another one by now.
    new.ssh(f"sleep 1; {SCRIPTS}/backup-database.sh daily")
    again = _recover(new, lost)
    assert again.returncode == 0, said(again)
    assert f"was restored from {lost.backup} already" in said(again)
    assert _changed(again.stdout) == 0, again.stdout
    assert len([line for line in new.history() if line["action"] == "restore"]) == 1
    assert _trading(new) == "halted"

    # Without the words it is an ordinary machine, which trades when somebody says so.
    plain = new.play("site.yml", **lost.variables, release_commit=lost.commit)
    assert plain.returncode == 0, said(plain)
    new.ssh("systemctl start milkbot-trader.service")
    assert _checksums(new)["ops.orders"] == before["ops.orders"]
    new.ssh("milkbot resume --reason 'the ledger is back'; systemctl start milkbot-trader.service")
    assert _trading(new, "demo") == "active"
    print(_sql(new, "SELECT started_at, outcome, message FROM ops.ticks ORDER BY id DESC LIMIT 4"))
    health = new.ssh(f"{SCRIPTS}/healthcheck.sh || true")
    print(health)
    assert "FAIL" not in health


@pytest.fixture
def unused(lost: Lost, new: Platform) -> Platform:
    """The new machine, as far as it was when its database was made."""
    if not new.ssh("ls /opt/milkbot/current 2>/dev/null || true"):
        done = new.play("site.yml", systemd_start_timers=False, release_commit=lost.commit, **lost.variables)
        assert done.returncode == 0, said(done)
    _hold(new)
    new.ssh(f"rm -rf {BACKUPS}/daily/* /opt/milkbot/deploys.jsonl")
    _sql(new, "DROP DATABASE milkbot WITH (FORCE)", "postgres")
    return new


# Before each a stage has ended; those with seconds are in the middle of one.
STAGES = (
    ("Restore | Fetch it from off-site", 0.5),
    ("Restore | Remember what was chosen", 0),
    ("Restore | Restore it next to the empty database, migrate it, halt trading in it, and swap them", 0),
    ("Restore | Restore it next to the empty database, migrate it, halt trading in it, and swap them", 1.5),
    ("Restore | Restore it next to the empty database, migrate it, halt trading in it, and swap them", 4),
    ("Restore | Say what was done", 0),
    ("Record | Write it into the history", 0),
    ("Migrate | Check whether the database was ever migrated", 0),
)


@pytest.mark.matrix
@pytest.mark.parametrize("how", ["kill", "cut"])
@pytest.mark.parametrize(("task", "after"), STAGES)
def test_an_interrupted_recovery_is_completed_by_the_next_run(
    lost: Lost, unused: Platform, task: str, after: float, how: str
) -> None:
    tags = ("--tags", "postgres,recovery,database")
    # The newest one may be the new machine's own by now.
    lost_one = f"offsite:daily/{lost.backup.removesuffix('.sql.gz')}.tar.age"
    with stopping(unused, task, after, how) as environment:
        stopped = _recover(unused, lost, *tags, environment=environment, restore_from=lost_one)
    assert stopped.returncode == (-9 if how == "kill" else 4), said(stopped)
    # What the killed run left working ends first.
    again = _recover(unused, lost, *tags, lock_wait=120, restore_from=lost_one)
    assert again.returncode == 0, said(again)
    books = _checksums(unused)
    assert {table for table, found in books.items() if found != lost.books[table]} == HALTED
    assert _trading(unused) == "halted"
    databases = _sql(unused, "SELECT datname FROM pg_database WHERE datname LIKE 'milkbot%'", "postgres")
    assert databases == "milkbot"
    assert unused.ssh(f"find {BACKUPS} -name '.fetch_*'; ls /var/lib/milkbot-brought 2>/dev/null || true") == ""
    assert [line["backup"] for line in unused.history() if line["action"] == "restore"] == [lost.backup]
    third = _recover(unused, lost, *tags, restore_from=lost_one)
    assert _changed(third.stdout) == 0, third.stdout


@pytest.mark.matrix
def test_a_recovery_migrates_a_backup_of_an_older_schema(lost: Lost, unused: Platform) -> None:
    before, table = unused.record(unused.live())["schema"], "ops.keepsake"
    up, down = f'op.execute("CREATE TABLE {table} (id int)")', f'op.execute("DROP TABLE {table}")'
    changes = migration("9001", before, up=up, down=down)
    commit = unused.versions.commit("A later schema", changes)
    done = _recover(
        unused, lost, "--tags", "postgres,release,recovery,database", restore_from=str(lost.file), release_commit=commit
    )
    assert done.returncode == 0, said(done)
    books = _checksums(unused)
    assert books["ops.orders"] == lost.books["ops.orders"]
    assert table in books
    assert unused.schema() == "9001"
    assert unused.ssh("ls -d /var/lib/milkbot-brought 2>/dev/null || true") == ""


def test_a_recovery_never_replaces_a_database_in_use(platform: Platform, tmp_path: Path) -> None:
    fetched = platform.play("backup.yml", fetch_to=str(tmp_path))
    assert fetched.returncode == 0, said(fetched)
    (file,) = tmp_path.glob("*.sql.gz")
    before = platform.state()
    refused = platform.play("site.yml", restore_from=str(file))
    assert refused.returncode != 0
    assert f"restore_from = {file}: the database of {platform.machine} holds something already" in said(refused)
    assert "restore.yml replaces a database that is in use" in said(refused)
    assert _changed(refused.stdout) == 0
    assert platform.state() == before
