"""SIGKILL, or a full disk, at each program that a script starts: nothing is lost or half, and the next run works."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.backup.disk import OneDisk, one_disk
from tests.integration.backup.host import BACKUPS, SCRIPTS, STORE, Host, send_away
from tests.integration.backup.moments import MOMENTS, Harm, Moments, kill_group, kill_in_its_midst, kill_script, watched

KILLS = {"script": kill_script, "group": kill_group, "midst": kill_in_its_midst}
DRILL = "/var/lib/milkbot-backup/drill"
every_moment = pytest.mark.parametrize(("begin", "every"), MOMENTS)


@pytest.fixture
def moments(host: Host) -> Iterator[Moments]:
    _with_backup(host)
    with watched(host) as found:
        yield found


@pytest.fixture
def disk() -> Iterator[OneDisk]:
    """A host with a backup, all of it on one disk."""
    with one_disk(megabytes=250) as disk:
        _with_backup(disk.host)
        yield disk


def _with_backup(host: Host) -> None:
    host.settings(RESERVE_MB=0, KEEP_DAILY=3)
    host.fill(200)
    host.backup()


def _nothing() -> None:
    """There is nothing to repair before the check."""


def _whole(host: Host, path: Path) -> bool:
    return host.script("inspect-backup.py", "--check", f"{BACKUPS}/daily/{path.name}").returncode == 0


def _back_up(moments: Moments, begin: int, every: int, harm: Harm, mend: Callable[[], None] = _nothing) -> None:
    host = moments.host
    known = {path: path.read_bytes() for path in host.backups()}
    good = host.state("daily")
    for moment in moments.through(begin, every, harm, f"{SCRIPTS}/backup-database.sh", "daily"):
        mend()
        published = set(host.backups()) - known.keys()
        assert all(_whole(host, path) for path in published), moment
        # One that is kept no longer goes after a new one has come.
        assert len(host.backups()) >= min(3, len(known)), moment
        assert all(path.read_bytes() == known[path] for path in host.backups() if path in known), moment
        assert host.state("daily")["last_good_at"] >= good["last_good_at"], moment
        newest = host.backup()
        good = host.state("daily")
        assert good["result"] == "good", moment
        assert good["last_good_file"] == f"{BACKUPS}/daily/{newest.name}", moment
        assert host.leftovers() == [], moment
        assert len(host.backups()) <= 3, moment
        known = {path: path.read_bytes() for path in host.backups()}


@pytest.mark.parametrize("kill", KILLS)
@every_moment
def test_a_killed_backup_leaves_no_partial_file(moments: Moments, kill: str, begin: int, every: int) -> None:
    _back_up(moments, begin, every, KILLS[kill])


@every_moment
def test_a_backup_on_a_full_disk_leaves_no_partial_file(disk: OneDisk, begin: int, every: int) -> None:
    before = disk.host.checksums()
    with watched(disk.host) as moments:
        _back_up(moments, begin, every, disk.fill, disk.free)
    assert disk.host.checksums() == before


@every_moment
def test_processes_of_a_killed_backup_do_not_harm_the_next(moments: Moments, begin: int, every: int) -> None:
    host = moments.host
    for moment in moments.through(begin, every, kill_script, f"{SCRIPTS}/backup-database.sh", "daily", wait=False):
        newest = host.backup()
        moments.settle()
        assert newest == host.backups()[-1], moment
        assert all(_whole(host, path) for path in host.backups()), moment
        assert host.leftovers() == [], moment


def _is_of_the_backup(host: Host) -> bool:
    """As many ticks as were backed up, and nothing trades."""
    newest = "SELECT DISTINCT ON (trading_mode) state FROM ops.trading_states ORDER BY trading_mode, id DESC"
    return host.ask(f"SELECT count(*) FROM ops.ticks; {newest}") == ["200", *["halted"] * 3]


def _restore(
    moments: Moments, begin: int, every: int, harm: Harm, mend: Callable[[], None] = _nothing, *, wait: bool = True
) -> None:
    host = moments.host
    command = (f"{SCRIPTS}/restore-database.sh", f"{BACKUPS}/daily/{host.backups()[-1].name}")
    known = {path: path.read_bytes() for path in host.backups()}
    for moment, before in _changed_before(host, moments.through(begin, every, harm, *command, wait=wait)):
        mend()
        if wait:
            after = host.checksums()
            assert _is_of_the_backup(host) if after["oid"] != before.get("oid") else after == before, moment
        again = host.run(*command)
        moments.settle()
        assert again.returncode == 0, (moment, again.stderr)
        assert _is_of_the_backup(host), moment
        assert not [name for name in host.databases() if name.startswith("milkbot_restore_")], moment
        assert len(host.databases()) <= 4, moment
        assert not host.path("/run/lock/milkbot-deploy.json").exists(), moment
    assert {path: path.read_bytes() for path in host.backups()} == known


def _changed_before(host: Host, moments: Iterator[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each moment, and what the database was before it: other than the backup."""
    while True:
        host.fill(1)
        before = host.checksums()
        moment = next(moments, None)
        if moment is None:
            return
        yield moment, before


@pytest.mark.parametrize("kill", KILLS)
@every_moment
def test_a_killed_restore_leaves_no_partial_database(moments: Moments, kill: str, begin: int, every: int) -> None:
    _restore(moments, begin, every, KILLS[kill])


@every_moment
def test_processes_of_a_killed_restore_do_not_harm_the_next(moments: Moments, begin: int, every: int) -> None:
    _restore(moments, begin, every, kill_script, wait=False)


@every_moment
def test_a_restore_on_a_full_disk_leaves_no_partial_database(disk: OneDisk, begin: int, every: int) -> None:
    with watched(disk.host) as moments:
        _restore(moments, begin, every, disk.fill, disk.free)


def _servers() -> list[str]:
    command = ["pgrep", "--full", "--list-full", f"{DRILL}/data"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()


def _drill(moments: Moments, begin: int, every: int, harm: Harm, mend: Callable[[], None] = _nothing) -> None:
    host = moments.host
    before, databases = host.checksums(), host.databases()
    known = {path: path.read_bytes() for path in host.backups()}
    for moment in moments.through(begin, every, harm, f"{SCRIPTS}/restore-drill.sh"):
        mend()
        assert host.state("drill")["last_good_at"], moment
        again = host.script("restore-drill.sh")
        assert again.returncode == 0, (moment, again.stderr)
        assert host.state("drill")["result"] == "good", moment
        assert not host.path(DRILL).exists(), moment
        assert _servers() == [], moment
        assert (host.checksums(), host.databases()) == (before, databases), moment
        assert {path: path.read_bytes() for path in host.backups()} == known, moment


@pytest.mark.parametrize("kill", KILLS)
@every_moment
def test_a_killed_drill_does_not_block_the_next(moments: Moments, kill: str, begin: int, every: int) -> None:
    _drill(moments, begin, every, KILLS[kill])


@every_moment
def test_a_drill_on_a_full_disk_does_not_block_the_next(disk: OneDisk, begin: int, every: int) -> None:
    with watched(disk.host) as moments:
        _drill(moments, begin, every, disk.fill, disk.free)


def _copy(moments: Moments, begin: int, every: int, harm: Harm, mend: Callable[[], None] = _nothing) -> None:
    host = moments.host
    store = host.path(f"{STORE}/one")
    known = {path: path.read_bytes() for path in host.backups()}
    for moment in moments.through(begin, every, harm, f"{SCRIPTS}/offsite-backup.sh"):
        mend()
        for path in store.glob("*/*.age"):
            _compare(host, path, moment)
        again = host.script("offsite-backup.sh")
        assert again.returncode == 0, (moment, again.stderr)
        kept = [f"{path.name.removesuffix('.sql.gz')}.tar.age" for path in host.backups()[-2:]]
        assert sorted(path.name for path in store.glob("*/*")) == kept, moment
        assert host.leftovers() == [], moment
        assert {path: path.read_bytes() for path in host.backups()} == known, moment
        # One is to be sent, and one to be removed, the next time.
        newest = max(store.glob("*/*.age"))
        newest.rename(newest.with_name("milkbot_20200101_000000.tar.age"))


def _compare(host: Host, copy: Path, moment: str) -> None:
    """The copy holds what the backup here does."""
    command = ["age", "--decrypt", "--identity", str(host.path("/opt/milkbot/identity")), str(copy)]
    opened = subprocess.run(command, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(opened.stdout)) as bundle:
        for member in bundle:
            there = bundle.extractfile(member)
            assert there is not None
            assert host.path(f"{BACKUPS}/daily/{member.name}").read_bytes() == there.read(), moment


def _with_copies(host: Host) -> Host:
    send_away(host, OFFSITE_KEEP_DAILY=2)
    for _ in range(3):
        host.backup()
    return host


@pytest.mark.parametrize("kill", KILLS)
@every_moment
def test_a_killed_copy_leaves_no_partial_file_in_the_remote(host: Host, kill: str, begin: int, every: int) -> None:
    with watched(_with_copies(host)) as moments:
        _copy(moments, begin, every, KILLS[kill])


@every_moment
def test_a_copy_on_a_full_disk_leaves_no_partial_file_in_the_remote(disk: OneDisk, begin: int, every: int) -> None:
    with watched(_with_copies(disk.host)) as moments:
        _copy(moments, begin, every, disk.fill, disk.free)
