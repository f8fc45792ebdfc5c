"""fetch-backup.sh on a host that has nothing else, as one has it that is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.backup.host import BACKUPS, SCRIPTS, Host, send_away
from tests.integration.backup.moments import MOMENTS, kill_group, kill_script, watched

KILLS = {"script": kill_script, "group": kill_group}
FETCH = f"{SCRIPTS}/fetch-backup.sh"


@pytest.fixture
def lost(host: Host) -> Iterator[tuple[Host, dict[str, bytes]]]:
    """A host whose only backup is off-site; and what that was."""
    send_away(host, OFFSITE_KEEP_DAILY=2)
    host.fill(50)
    known = {path.name: path.read_bytes() for path in host.backup().parent.iterdir()}
    _forget(host)
    yield host, known
    _forget(host)


def _there(host: Host) -> list[Path]:
    return list(host.path(f"{BACKUPS}/daily").iterdir())


def _forget(host: Host) -> None:
    for path in _there(host):
        path.unlink()


def test_an_identity_can_be_given_on_standard_input(lost: tuple[Host, dict[str, bytes]]) -> None:
    host, known = lost
    empty = host.run(FETCH, "--identity", "-")
    assert (empty.returncode, "nothing came on standard input" in empty.stderr) == (2, True)
    host.path("/opt/milkbot/other").write_text("AGE-SECRET-KEY-1NOT\n", "utf-8")
    other = host.run("bash", "-c", f"{FETCH} --identity - </opt/milkbot/other")
    assert (other.returncode, "could not be fetched" in other.stderr) == (1, True)
    assert _there(host) == []
    done = host.run("bash", "-c", f"{FETCH} --identity - </opt/milkbot/identity")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in _there(host)} == known


@pytest.mark.parametrize("kill", KILLS)
@pytest.mark.parametrize(("begin", "every"), MOMENTS)
def test_a_killed_fetch_leaves_no_partial_backup(
    lost: tuple[Host, dict[str, bytes]], kill: str, begin: int, every: int
) -> None:
    host, known = lost
    (dump,) = [name for name in known if name.endswith(".sql.gz")]
    fetch = f"{FETCH} --identity /opt/milkbot/identity"
    # What is there already is not fetched.
    anew = ("bash", "-c", f"rm -f {BACKUPS}/daily/*; exec {fetch}")
    with watched(host) as moments:
        for moment in moments.through(begin, every, KILLS[kill], *anew):
            if (host.path(f"{BACKUPS}/daily") / dump).exists():
                assert {path.name: path.read_bytes() for path in _there(host) if path.is_file()} == known, moment
            again = host.run(*fetch.split())
            assert again.returncode == 0, (moment, again.stderr)
            assert {path.name: path.read_bytes() for path in _there(host)} == known, moment
