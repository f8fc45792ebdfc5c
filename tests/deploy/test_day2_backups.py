"""backup.yml and restore.yml on a machine that trades."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.platform import Platform, said
from tests.deploy.stopping import Boundary, cases, changing, stopping

MARK = "after the fetched backup"
RESTORE: tuple[Boundary, ...] = (
    ("Bring | Bring it, its manifest and its digest", 0),
    ("Backup | Read it, and count what would be lost", 0),
    ("Restore | Restore it next to the running database, halt trading in it, and swap them", 0),
    ("Restore | Restore it next to the running database, halt trading in it, and swap them", 0.5),
    ("Restore | Restore it next to the running database, halt trading in it, and swap them", 1),
    ("Restore | Restore it next to the running database, halt trading in it, and swap them", 2),
    ("Restore | Restore it next to the running database, halt trading in it, and swap them", 3),
    ("Restore | Write it into the history", 0),
    ("Remove | Remove what was brought", 0),
    ("Free the lock", 0),
)


def _sql(platform: Platform, query: str) -> str:
    return platform.ssh(f"cd / && runuser -u postgres -- psql -XAt milkbot -c {shlex.quote(query)}")


def _write_more(platform: Platform) -> None:
    """What the backup has not."""
    _sql(
        platform,
        "INSERT INTO ops.risk_events (trading_mode, event_type, severity, message, event_time) "
        f"VALUES ('demo', 'operator', 'info', '{MARK}', now())",
    )


def _is_there(platform: Platform) -> bool:
    return _sql(platform, f"SELECT count(*) FROM ops.risk_events WHERE message = '{MARK}'") != "0"


@pytest.fixture
def _trading_goes_on(platform: Platform) -> Iterator[None]:
    yield
    platform.ssh("milkbot resume --reason 'the test is over'")


@pytest.mark.matrix
@pytest.mark.usefixtures("_trading_goes_on")
def test_a_fetched_backup_is_restored_once_the_operator_confirms(platform: Platform, tmp_path: Path) -> None:
    directory = tmp_path / "brought"
    done = platform.play("backup.yml", fetch_to=str(directory))
    assert done.returncode == 0, said(done)
    (file,) = directory.glob("*.sql.gz")
    assert file.name in said(done)
    assert file.stat().st_mode & 0o777 == 0o600
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.with_name(f"{file.name}.sha256").read_text("ascii").split()[0] == digest
    listed = platform.play("backup.yml", "--tags", "list")
    assert file.name in said(listed)
    before = platform.state()

    _write_more(platform)
    shown = platform.play("restore.yml", backup_from=str(file))
    assert shown.returncode != 0
    assert "ops.risk_events" in said(shown)
    assert "nobody said yes" in said(shown)
    assert _is_there(platform)
    restored = platform.play("restore.yml", backup_from=str(file), confirm="yes")
    assert restored.returncode == 0, said(restored)
    assert not _is_there(platform)
    assert platform.ssh("ls -d /var/lib/milkbot-brought 2>/dev/null || true") == ""
    assert platform.state() == before
    assert platform.history()[-1]["action"] == "restore"


@pytest.mark.matrix
def test_a_changed_or_missing_backup_is_refused_before_any_change(platform: Platform, tmp_path: Path) -> None:
    before = platform.state()
    file = tmp_path / "milkbot_20260101_020000.sql.gz"
    file.write_bytes(b"changed")
    file.with_name(f"{file.name}.sha256").write_text(f"{'0' * 64}  {file.name}\n", "ascii")
    wrong: dict[str, dict[str, Any]] = {
        "its SHA-256 is not the one in": {"backup_from": str(file), "confirm": "yes"},
        "there is no such file here": {"backup_from": str(tmp_path / "milkbot_20260102_020000.sql.gz")},
        "give one of them": {"backup_from": str(file), "backup": "/var/backups/milkbot/daily/x.sql.gz"},
    }
    for words, given in wrong.items():
        done = platform.play("restore.yml", **given)
        assert done.returncode != 0
        assert words in said(done)
        assert "Nothing was changed" in said(done)
    kind = platform.play("backup.yml", kind="hourly")
    assert "kind = hourly: give one of daily, weekly, monthly, pre-deploy" in said(kind)
    assert platform.state() == before


@pytest.fixture(scope="module")
def brought(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup on the control node."""
    directory = tmp_path_factory.mktemp("brought")
    assert platform.play("backup.yml", fetch_to=str(directory)).returncode == 0
    (file,) = directory.glob("*.sql.gz")
    return file


@pytest.mark.parametrize(("task", "after", "how"), cases(RESTORE, ["kill"]))
@pytest.mark.usefixtures("_trading_goes_on")
def test_an_interrupted_restore_is_completed_by_the_next_run(
    platform: Platform, brought: Path, task: str, after: float, how: str
) -> None:
    before = platform.state()
    _write_more(platform)
    with stopping(platform, task, after, how) as environment:
        stopped = platform.play("restore.yml", environment=environment, backup_from=str(brought), confirm="yes")
    # The ledger of before or those of the backup, and never something between.
    between = _sql(platform, "SELECT count(*) FROM ops.alembic_version") + platform.schema()
    done = platform.play("restore.yml", backup_from=str(brought), confirm="yes")
    assert stopped.returncode == -9, said(stopped)
    assert between == "1" + before["schema"]
    assert done.returncode == 0, said(done)
    assert not _is_there(platform)
    assert platform.ssh("ls -d /var/lib/milkbot-brought 2>/dev/null || true") == ""
    assert _sql(platform, "SELECT datname FROM pg_database WHERE datname LIKE 'milkbot_restore%'") == ""
    assert platform.state() == before
    assert platform.last_line("action", "result") == {"action": "restore", "result": "good"}


@pytest.mark.matrix
@pytest.mark.usefixtures("_trading_goes_on")
def test_the_list_of_stages_names_every_task_of_a_restore_that_changes_the_host(
    platform: Platform, brought: Path
) -> None:
    found = changing(platform, "restore.yml", backup_from=str(brought), confirm="yes")
    assert found <= {task for task, _ in RESTORE}
