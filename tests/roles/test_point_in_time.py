"""What point-in-time.py says can be restored, and when the role sets it up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.roles.modules import ask
from tests.roles.rendering import ROLES, plugin, render

SCRIPT = ROLES.parent / "deployment/scripts/point-in-time.py"
POINT = plugin("../deployment/scripts/point-in-time.py")
ROOM = plugin("pgbackrest/library/pgbackrest_room.py")
REPOSITORY = plugin("preflight/filter_plugins/repository.py")

MINUTE = 60
HASH = "1fe14c6fd6549de0716e65cbe9a037462fc6d654"


def _segments(timeline: int, *numbers: int) -> dict[str, Any]:
    """One segment a minute, as repo-ls lists them."""
    return {
        f"{timeline:08X}00000000/{timeline:08X}00000000{number:08X}-{HASH}.zst": {
            "type": "file",
            "time": number * MINUTE,
        }
        for number in numbers
    }


def _backup(number: int, *, timeline: int = 1, error: bool = False) -> dict[str, Any]:
    """A backup that began and ended in that segment, as info prints it."""
    segment = f"{timeline:08X}00000000{number:08X}"
    return {
        "label": f"backup-{number}",
        "type": "full",
        "error": error,
        "database": {"id": 1, "repo-key": 1},
        "timestamp": {"start": number * MINUTE - 9, "stop": number * MINUTE},
        "archive": {"start": segment, "stop": segment},
        "lsn": {"start": f"0/{number:02X}000028", "stop": f"0/{number:02X}000100"},
        "info": {"size": 1000},
    }


def _windows(backups: list[dict[str, Any]], listing: dict[str, Any], history: str = "", **given: Any) -> list[Any]:
    archive = POINT.read_archive(listing, {2: history} if history else {})
    found: list[Any] = POINT.windows(
        POINT.read_backups({"backup": backups}, {"id": 1, "repo-key": 1}), archive, **given
    )
    return found


def test_a_moment_before_the_first_backup_is_refused() -> None:
    found = _windows([_backup(5), _backup(8)], _segments(1, *range(1, 12)))
    with pytest.raises(POINT.UnreachableError, match=r"from 1970-01-01 00:05:01\+00 to 1970-01-01 00:11:00\+00"):
        POINT.choose(found, 5 * MINUTE)


def test_a_moment_after_the_last_archived_one_is_refused() -> None:
    found = _windows([_backup(5)], _segments(1, *range(5, 12)))
    assert POINT.choose(found, 11 * MINUTE).label == "backup-5"
    with pytest.raises(POINT.UnreachableError):
        POINT.choose(found, 11 * MINUTE + 1)


def test_a_moment_that_was_just_archived_can_be_restored() -> None:
    found = _windows([_backup(5)], _segments(1, *range(5, 12)), now=700.5)
    assert POINT.choose(found, 700.25).label == "backup-5"


def test_a_restore_starts_from_the_nearest_backup_before() -> None:
    found = _windows([_backup(8), _backup(5)], _segments(1, *range(5, 12)))
    assert POINT.choose(found, 8 * MINUTE).label == "backup-5"
    assert POINT.choose(found, 8 * MINUTE + 1).label == "backup-8"


def test_a_broken_backup_is_not_restored() -> None:
    found = _windows([_backup(5), _backup(8, error=True)], _segments(1, *range(5, 12)))
    assert POINT.choose(found, 10 * MINUTE).label == "backup-5"


def test_a_moment_in_dropped_wal_is_refused() -> None:
    found = _windows([_backup(2), _backup(8)], _segments(1, 2, 3, 4, 6, 7, 8, 9), now=9999.0)
    assert [(window.begins, window.ends) for window in found] == [(121, 240), (481, 9999)]
    with pytest.raises(POINT.UnreachableError, match=r"00:04:00\+00 and from 1970-01-01 00:08:01\+00"):
        POINT.choose(found, 5 * MINUTE)


def test_a_backup_whose_own_wal_is_missing_cannot_be_restored() -> None:
    assert _windows([_backup(5)], _segments(1, 6, 7)) == []


def test_a_gap_in_the_wal_is_found() -> None:
    def missing(backups: list[int], *segments: int) -> str:
        read = POINT.read_backups({"backup": [_backup(number) for number in backups]}, {"id": 1, "repo-key": 1})
        return str(POINT.missing(read, POINT.read_archive(_segments(1, *segments), {})))

    assert missing([2], 2, 3, 5) == "WAL is missing behind backup backup-2: segment 000000010000000000000004"
    assert missing([2, 5], 2, 3, 5, 6) == ""
    assert missing([4], 2, 3) != ""
    assert missing([], 2, 3) == "there is no backup yet"


def test_the_border_of_two_logs_is_no_gap() -> None:
    names = ("0000000100000000000000FE", "0000000100000000000000FF", "000000010000000100000000")
    numbers = [POINT.number_of(name) for name in names]
    assert numbers == [254, 255, 256]
    assert tuple(POINT.name_of(1, number) for number in numbers) == names


# A restore of the whole cluster left the first timeline within segment 6, and the second one goes on from there.
FORK = "1\t0/6000200\tbefore 1970-01-01 00:06:10+00\n"


def test_an_abandoned_timeline_is_not_restorable_past_its_end() -> None:
    listing = {**_segments(1, 4, 5, 6, 7, 8), **_segments(2, 6, 7), "00000002.history": {"time": 1}}
    found = _windows([_backup(4), _backup(8)], listing, FORK)
    assert [window.backups[0].label for window in found] == ["backup-4"]
    assert found[0].ends == 7 * MINUTE


def test_a_backup_of_the_new_timeline_is_used() -> None:
    listing = {**_segments(1, 4, 5, 6), **_segments(2, 6, 7, 8)}
    found = _windows([_backup(4), _backup(7, timeline=2)], listing, FORK)
    assert POINT.choose(found, 8 * MINUTE).label == "backup-7"
    assert POINT.choose(found, 5 * MINUTE).label == "backup-4"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01 00:01:00+00", 60.0),
        ("1970-01-01T00:01:00.5Z", 60.5),
        ("1970-01-01 02:01:00 +02:00", 60.0),
        ("1970-01-01 05:31:00+0530", 60.0),
    ],
)
def test_a_time_is_read_in_its_zone(text: str, seconds: float) -> None:
    assert POINT.read_time(text) == seconds


@pytest.mark.parametrize("text", ["1970-01-01 00:01:00", "yesterday", "1970-13-01 00:00:00+00", "", "1970-01-01+00"])
def test_a_time_without_a_clear_meaning_is_refused(text: str) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), text], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"'{text}' is no time" in done.stderr


STOPPED = "LOG:  recovery stopping before commit of transaction 812, time 1970-01-01 00:01:01+00\n"
LAST = "LOG:  last completed transaction was at log time 1970-01-01 00:00:59.25+00\n"


def test_a_recovery_that_ended_elsewhere_is_refused() -> None:
    assert POINT.reached(STOPPED + LAST, 60.0) == "reached: the last commit is of 1970-01-01 00:00:59.25+00"
    assert POINT.reached("", None) == "reached: the last commit is of before the end of the backup"
    with pytest.raises(POINT.UnreachableError, match=r"was not reached: the WAL ended at 1970-01-01 00:00:59\.25"):
        POINT.reached(LAST, 60.0)
    with pytest.raises(POINT.UnreachableError, match="the moment was passed"):
        POINT.reached(STOPPED + LAST, 59.0)


def test_the_reason_why_a_recovery_ended_is_reported(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"FATAL:  the database system is starting up\n{LAST}FATAL:  recovery ended before the target\n")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--died", str(log)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "was not reached: recovery ended before the target; the last possible commit" in done.stderr


def _room(directory: Path, minimum: int) -> dict[str, Any]:
    return ask(
        "pgbackrest/library/pgbackrest_room.py",
        repository=str(directory / "var/backups/repository"),
        config=str(directory / "config"),
        data=str(directory / "data"),
        minimum=minimum,
    )


def test_archiving_that_runs_is_kept_on_a_full_disk(tmp_path: Path) -> None:
    assert _room(tmp_path, 1)["fits"]
    full = _room(tmp_path, 10**18)
    assert not full["fits"]
    assert "1000000000.0 GB are the least for it" in full["said"]
    (tmp_path / "config").touch()
    assert _room(tmp_path, 10**18)["fits"]


def test_archiving_needs_room_for_a_side_by_side_restore() -> None:
    assert ROOM.judge(free=40, cluster=10, minimum=20) == ""
    assert "four times" in ROOM.judge(free=39, cluster=10, minimum=20)


def test_the_size_of_a_cluster_is_measured(tmp_path: Path) -> None:
    (tmp_path / "base/1").mkdir(parents=True)
    (tmp_path / "base/1/2").write_bytes(b"x" * 1000)
    (tmp_path / "PG_VERSION").write_bytes(b"15\n")
    assert ROOM.taken(tmp_path) == 1003


SECOND = {"type": "s3", "path": "/milkbot", "s3-bucket": "b", "s3-endpoint": "e", "s3-region": "r"}


@pytest.mark.parametrize(
    ("options", "secrets", "said"),
    [
        (SECOND, {}, "give a long cipher-pass"),
        ({**SECOND, "type": "sftp"}, {}, "give one of posix, s3, azure, gcs"),
        ({**SECOND, "s3-key-secret": "hush"}, {"cipher-pass": "x"}, "give it in pgbackrest_second_repository_secrets"),
        ({"type": "posix"}, {}, "say where in it"),
    ],
)
def test_a_wrong_second_repository_is_refused_before_any_change(
    options: dict[str, str], secrets: dict[str, str], said: str
) -> None:
    (problem,) = REPOSITORY.second_repository(options, secrets)
    assert said in problem["fix"]
    assert "hush" not in str(problem)


def test_a_good_second_repository_is_accepted() -> None:
    assert REPOSITORY.second_repository({}, {}) == []
    assert REPOSITORY.second_repository(SECOND, {"cipher-pass": "x"}) == []
    assert REPOSITORY.second_repository({"path": "/mnt/other"}, {}) == []


def test_the_secrets_of_a_repository_are_in_a_private_file() -> None:
    given = {"pgbackrest_second_repository": SECOND, "pgbackrest_second_repository_secrets": {"cipher-pass": "hush"}}
    assert "hush" not in render("pgbackrest/pgbackrest.conf.j2", **given)
    assert "repo2-cipher-type=aes-256-cbc" in render("pgbackrest/pgbackrest.conf.j2", **given)
    assert "repo2-cipher-pass=hush" in render("pgbackrest/secrets.conf.j2", **given)
    files = yaml.safe_load((ROLES / "pgbackrest/vars/main.yml").read_text(encoding="utf-8"))["_pgbackrest_settings"]
    modes = {entry["path"]: entry.get("mode") for entry in files}
    assert modes["/etc/pgbackrest/conf.d/milkbot-secrets.conf"] == "0600"


def test_waiting_wal_is_limited_in_size() -> None:
    assert "archive-push-queue-max=4096MB" in render("pgbackrest/pgbackrest.conf.j2").splitlines()


def test_less_than_a_minute_can_be_lost() -> None:
    settings = dict(line.split(" = ") for line in render("pgbackrest/milkbot-archiving.conf.j2").splitlines()[1:])
    assert settings["archive_mode"] == "on"
    assert int(settings["archive_timeout"]) < 60
