"""offsite-backup.sh and fetch-backup.sh, with rclone's and age's own programs and a folder as the remote."""

from __future__ import annotations

import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.integration.backup.host import BACKUPS, RECORDING, STORE, Host

from milkbot.recorder import files
from milkbot.recorder.files import Line, hour_file


def _there(host: Host) -> list[str]:
    store = host.path(f"{STORE}/one")
    return sorted(str(path.relative_to(store)) for path in store.rglob("*") if path.is_file())


def _name(path: Path) -> str:
    return f"daily/{path.name.removesuffix('.sql.gz')}.tar.age"


def _forget(host: Host) -> None:
    for path in host.path(f"{BACKUPS}/daily").iterdir():
        path.unlink()


def test_an_encrypted_copy_can_be_fetched_with_the_identity(away: Host) -> None:
    backup = away.backup()
    before = {path.name: path.read_bytes() for path in backup.parent.iterdir()}
    assert _there(away) == [_name(backup)]
    assert away.path(f"{STORE}/one/{_name(backup)}").read_bytes().startswith(b"age-encryption.org/v1")
    _forget(away)
    listed = away.script("fetch-backup.sh", "--list")
    assert listed.stdout.splitlines() == [_name(backup)]
    refused = away.script("fetch-backup.sh")
    assert (refused.returncode, "is encrypted; give the identity" in refused.stderr) == (1, True)
    fetched = away.script("fetch-backup.sh", "--identity", "/opt/milkbot/identity")
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout.strip() == f"{BACKUPS}/daily/{backup.name}"
    assert {path.name: path.read_bytes() for path in backup.parent.iterdir()} == before
    again = away.script("fetch-backup.sh", "--identity", "/opt/milkbot/identity")
    assert (again.returncode, "is here already" in again.stderr) == (0, True)


def test_the_next_backup_sends_what_an_unreachable_remote_missed(away: Host) -> None:
    first = away.backup()
    away.program("rclone", "echo 'rclone: no route to host' >&2; exit 1")
    time.sleep(1)
    second = away.backup()
    failed = away.state("offsite")
    assert failed["result"] == "failed"
    assert failed["last_good_file"] == f"store:one/{_name(first)}"
    assert away.state("daily")["result"] == "good"
    away.path("/usr/local/sbin/rclone").unlink()
    time.sleep(1)
    third = away.backup()
    assert away.state("offsite")["last_good_file"] == f"store:one/{_name(third)}"
    # The two that are kept; the first went when both were there.
    assert _there(away) == [_name(second), _name(third)]


def test_a_truncated_copy_gets_no_final_name(away: Host) -> None:
    cut = 'case "$*" in *copyto*) truncate --size=-1 "${@: -1}" 2>/dev/null ;; esac'
    to_folder = f'last=${{@: -1}}; set -- "${{@:1:$#-1}}" "${{last/store:/{STORE}/}}"; {cut}'
    away.program("rclone", f'/usr/bin/rclone "$@" || exit; {to_folder}')
    away.backup()
    failed = away.state("offsite")
    assert "is there something else than what was sent" in failed["reason"]
    assert [name for name in _there(away) if not name.endswith(".part")] == []
    away.path("/usr/local/sbin/rclone").unlink()
    assert away.script("offsite-backup.sh").returncode == 0
    assert len(_there(away)) == 1


def test_a_copy_that_was_changed_in_the_remote_is_refused(away: Host) -> None:
    backup = away.backup()
    _forget(away)
    there = away.path(f"{STORE}/one/{_name(backup)}")
    whole = there.read_bytes()
    for at in range(200, len(whole), len(whole) // 5):
        there.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        done = away.script("fetch-backup.sh", "--identity", "/opt/milkbot/identity")
        assert done.returncode == 1
        assert "could not be fetched" in done.stderr
        assert list(backup.parent.iterdir()) == []


def test_a_copy_without_a_remote_is_refused(host: Host) -> None:
    done = host.script("offsite-backup.sh")
    assert done.returncode == 1
    assert "set backup_offsite_enabled" in done.stderr


def test_rclone_stores_what_it_learns_apart_from_its_settings(away: Host) -> None:
    """Over sftp it writes down which sums the remote knows, and elsewhere a new token; site.yml would undo that."""
    away.program("rclone", 'echo "md5sum_command = md5sum" >>"$2"; exec /usr/bin/rclone "$@"')
    settings = away.path("/etc/milkbot/backup-rclone.conf")
    before = settings.read_bytes()
    away.backup()
    assert away.state("offsite")["result"] == "good"
    assert settings.read_bytes() == before
    learnt = away.path("/var/lib/milkbot-backup/rclone.conf")
    assert "md5sum_command" in learnt.read_text("utf-8")
    assert learnt.stat().st_mode & 0o777 == 0o600
    settings.write_bytes(before + b"# another\n")
    time.sleep(1)
    away.backup()
    assert "# another" in learnt.read_text("utf-8")


def _record(root: Path, at: datetime, *, seals: bool = True) -> Path:
    """A day of one hour."""
    path = hour_file(root, at)
    files.append(path, [Line(at, "run", "KXHIGHNY", {"problems": 0})])
    if seals:
        files.seal(path)
    return path.parent


def _recording_there(host: Host) -> list[str]:
    return [name for name in _there(host) if name.startswith("recording/")]


def test_each_day_of_the_recording_that_is_over_is_sent_once(away: Host) -> None:
    root, now = away.path(RECORDING), datetime.now(UTC)
    over = _record(root, now - timedelta(days=2))
    _record(root, now - timedelta(days=1), seals=False)
    _record(root, now)
    away.backup()
    assert _recording_there(away) == [f"recording/{over.name}.tar.age"]
    there = away.path(f"{STORE}/one/recording/{over.name}.tar.age")
    sent = there.read_bytes()
    kept = {path.name: path.read_bytes() for path in over.iterdir()}
    shutil.rmtree(over)
    away.backup()
    assert there.read_bytes() == sent

    plain = subprocess.run(
        ["age", "--decrypt", "--identity", str(away.path("/opt/milkbot/identity"))],
        input=sent,
        capture_output=True,
        check=True,
    )
    subprocess.run(["tar", "--extract", "--directory", str(root)], input=plain.stdout, check=True)
    assert {path.name: path.read_bytes() for path in over.iterdir()} == kept


def test_a_damaged_day_of_the_recording_is_not_sent_and_no_backup_waits_for_it(away: Host) -> None:
    day = _record(away.path(RECORDING), datetime.now(UTC) - timedelta(days=2))
    (path,) = files.hours(day)
    path.write_bytes(path.read_bytes() + b"x")
    backup = away.backup()
    assert _there(away) == [_name(backup)]
    failed = away.state("offsite")
    assert failed["result"] == "failed"
    assert "is damaged, and not sent; milkbot record verify" in failed["reason"]
