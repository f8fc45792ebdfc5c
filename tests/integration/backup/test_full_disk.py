"""A disk that has room for so much and no more: whichever write finds none, nothing is lost and nothing is half."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.backup.disk import Disk, mounted
from tests.integration.backup.host import BACKUPS, SCRIPTS, Host
from tests.integration.backup.moments import watched

TMPFS = ("-t", "tmpfs", "-o", "size=64m,mode=755", "none")
LARGE = "(SELECT string_agg(md5(random()::text || n), '') FROM generate_series(1, 30) AS n)"


@pytest.fixture
def disk(host: Host) -> Iterator[Disk]:
    """The backups' disk, with one backup; the scripts see that there is room."""
    host.program("df", "echo Avail; echo 999999999999")
    host.backup()
    with mounted(host.path(BACKUPS), *TMPFS) as disk:
        yield disk


def _forget(backup: Path) -> None:
    for path in backup.parent.glob(f"{backup.name}*"):
        path.unlink()


@pytest.mark.parametrize(
    ("what", "sentences"),
    [
        ("nr_blocks", ["the dump of", "the rows of", "the roles of", "is no backup", "SHA-256"]),
        ("nr_inodes", ["could not be begun", "the dump of", "the rows of", "the roles of", "is no backup", "SHA-256"]),
    ],
)
def test_a_write_without_disk_space_leaves_no_partial_backup(
    host: Host, disk: Disk, what: str, sentences: list[str]
) -> None:
    """With room for one block, or one file, more each time, each write is once the first that finds none."""
    (known,) = host.backups()
    reasons: list[str] = []
    for room in itertools.count():
        disk.resize(f"{what}={disk.used(what) + room}")
        done = host.script("backup-database.sh", "daily")
        disk.resize("size=64m,nr_inodes=10000")
        if done.returncode == 0:
            break
        reasons.append(host.state("daily")["reason"])
        assert host.backups() == [known], (room, done.stderr)
        assert host.leftovers() == [], (room, done.stderr)
        _forget(host.backup())
    failed = [next((sentence for sentence in sentences if sentence in reason), reason) for reason in reasons]
    assert list(dict.fromkeys(failed)) == sentences


@pytest.mark.parametrize("tenths", [5, *(pytest.param(n, marks=pytest.mark.matrix) for n in (1, 2, 3, 4, 6, 7, 8, 9))])
def test_a_dump_that_fills_the_disk_leaves_no_partial_file(host: Host, disk: Disk, tenths: int) -> None:
    host.fill(6000, LARGE)
    large = host.backup()
    blocks = large.stat().st_size // 4096
    _forget(large)
    known = host.backups()
    disk.resize(f"nr_blocks={disk.used('nr_blocks') + blocks * tenths // 10}")
    done = host.script("backup-database.sh", "daily")
    assert done.returncode == 1, done.stderr
    assert "the dump of milkbot failed" in host.state("daily")["reason"]
    assert (host.backups(), host.leftovers()) == (known, [])
    disk.resize("size=64m")
    assert len({*known, host.backup()}) == 2


# In a directory's block of 1 kB: what a name of so many letters takes.
def _entry(letters: int) -> int:
    return (8 + letters + 3) // 4 * 4


@pytest.mark.parametrize("names", [3, *(pytest.param(n, marks=pytest.mark.matrix) for n in range(3))])
def test_a_rename_without_disk_space_leaves_no_partial_backup(host: Host, names: int, tmp_path: Path) -> None:
    """The directory has room for so many of a backup's four names; the next one needs a block, and none is free."""
    known = host.backup()
    image = tmp_path / "image"
    image.write_bytes(bytes(8 << 20))
    made = ("mkfs.ext4", "-q", "-b", "1024", "-m", "0", "-O", "^metadata_csum", image)
    subprocess.run(made, check=True)
    with mounted(host.path(BACKUPS), "-o", "loop", str(image)) as disk, watched(host) as moments:
        suffixes = (".globals.sql", ".sha256", ".json", "")
        entries = [_entry(len(known.name + suffix)) for suffix in suffixes]
        room = 1024 - 2 * _entry(1) - sum(entries) - _entry(len(f".{known.name}.XXXXXX")) - sum(entries[:names])
        full = room // 200
        fillers = [known.parent / f"filler{number}".ljust(192, "x") for number in range(full)]
        fillers.append(known.parent / "f".ljust(room % 200 - 8 - 4, "x"))
        for filler in fillers:
            filler.touch()
        moments.harmed(f"mv {names + 1}", disk.fill, f"{SCRIPTS}/backup-database.sh", "daily", wait=False)
        said = moments.settle()
        assert "mv: cannot move" in said
        assert "No space left on device" in said
        assert host.backups() == [known]
        disk.free()
        for filler in fillers:
            filler.unlink()
        assert host.leftovers() == []
        newest = host.backup()
        assert host.backups() == [known, newest]


@pytest.fixture
def small_disk(host: Host) -> Iterator[Disk]:
    """A disk of no room yet, on which the tables of a restored database come to lie."""
    disk = host.root / "small"
    disk.mkdir(mode=0o700)
    shutil.chown(disk, "postgres")
    with mounted(disk, "-t", "tmpfs", "-o", "size=1m", "none") as small:
        host.ask(f"CREATE TABLESPACE small LOCATION '{disk}'", "postgres")
        yield small
        for name in host.databases():
            if name.startswith("milkbot_old_"):
                host.ask(f"DROP DATABASE {name}", "postgres")
        host.ask("DROP TABLESPACE small", "postgres")


# While the tables are filled, and while the indexes are built.
@pytest.mark.parametrize(
    "sizes", [range(5000, 5001), pytest.param(range(1000, 20_000, 500), marks=pytest.mark.matrix, id="every")]
)
def test_a_restore_that_fills_the_disk_changes_nothing(host: Host, small_disk: Disk, sizes: range) -> None:
    host.fill(6000, LARGE)
    backup = f"{BACKUPS}/daily/{host.backup().name}"
    there = "s/^SET default_tablespace = '';/SET default_tablespace = small;/"
    for size in sizes:
        small_disk.resize(f"size={size}k")
        before, databases = host.checksums(), host.databases()
        host.program("gunzip", f'/usr/bin/gunzip "$@" | sed "{there}"')
        done = host.script("restore-database.sh", backup)
        host.path("/usr/local/sbin/gunzip").unlink()
        if done.returncode == 0:
            assert size > 5000
            break
        # The second is what PostgreSQL says of half a block.
        full = ("No space left on device", "Check free disk space")
        assert any(words in done.stderr for words in full), (size, done.stderr)
        assert "nothing was changed" in done.stderr, size
        assert (host.checksums(), host.databases()) == (before, databases), size
    else:
        assert len(sizes) == 1
    assert host.script("restore-database.sh", backup).returncode == 0
