"""Moments of a script: each program that it starts is one, at which it can be killed or find its disk full."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.backup.host import SCRIPTS, Host
from tests.patience import PATIENCE

from milkbot.db.scratch import server_programs

Harm = Callable[[subprocess.Popen[str]], None]
# Which moments a test goes through: a few, and every one of them in parts.
MOMENTS = [(23, 70), *(pytest.param(begin, 8, marks=pytest.mark.matrix) for begin in range(1, 9))]
# Stands before another program of its name, and says that it comes; at one moment it waits until the harm is done. It
# has nothing but the shell's own words: another program would count too.
_STAND_IN = r"""#!/bin/bash
me=$BASHPID.$SRANDOM name=${0##*/}
echo "$me $name" >>"$MOMENTS/came"
mapfile -t came <"$MOMENTS/came"
of_name=0
for at in "${!came[@]}"; do
    [[ ${came[at]} != *" $name" ]] || ((of_name += 1))
    [[ ${came[at]} != "$me "* ]] || break
done
if [[ $MOMENT == $((at + 1)) || $MOMENT == "$name $of_name" ]]; then
    echo "$name" >"$MOMENTS/reached"
    until [[ -e $MOMENTS/go ]]; do read -r -t 0.01 <>"$MOMENTS/never"; done
fi
for real in "$0.real" "$MOMENTS_OWN/$name" /usr/sbin/"$name" /usr/bin/"$name"; do
    [[ ! -x $real ]] || exec "$real" "$@"
done
"""


def kill_script(process: subprocess.Popen[str]) -> None:
    """SIGKILL for the script alone: what it started works on."""
    os.kill(process.pid, signal.SIGKILL)


def kill_group(process: subprocess.Popen[str]) -> None:
    """SIGKILL for the script and for all that it started."""
    os.killpg(process.pid, signal.SIGKILL)


def kill_in_its_midst(process: subprocess.Popen[str]) -> None:
    """The same, when the program has worked a little, with others at the same time."""

    def kill() -> None:
        if process.poll() is None:
            kill_group(process)

    threading.Timer(0.03, kill).start()


@dataclass(frozen=True, slots=True)
class Moments:
    """A host on which every program that a script starts is seen coming."""

    host: Host
    directory: Path
    _left: list[subprocess.Popen[str]] = field(default_factory=list)

    def all(self, *command: str) -> list[str]:
        """The programs that a whole run starts, in that order. It has to succeed."""
        done = self._start(0, *command)
        said, _ = done.communicate(timeout=PATIENCE)
        assert done.returncode == 0, said
        return [line.split()[1] for line in (self.directory / "came").read_text("utf-8").splitlines()]

    def through(self, begin: int, every: int, harm: Harm, *command: str, wait: bool = True) -> Iterator[str]:
        """Run a script again and again, with the harm at each of these moments; yields after each, with its name."""
        total = len(self.all(*command))
        assert total > begin
        for moment in itertools.count(begin, every):
            name = self.harmed(moment, harm, *command, wait=wait)
            if name is None:
                # How often a loop turns is not the same each time.
                assert moment > total * 0.8
                return
            yield f"{moment}: {name}"

    def harmed(self, moment: int | str, harm: Harm, *command: str, wait: bool = True) -> str | None:
        """Run a script, and do the harm when it starts its `moment`th program, whose name is the answer.

        `mv 3` is the third program of that name.
        None when it ended before. What it leaves working is waited for, or else by `settle`.
        """
        process = self._start(moment, *command)
        reached = self.directory / "reached"
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and not (reached.exists() and reached.stat().st_size):
            assert time.monotonic() < deadline, (moment, command)
            time.sleep(0.002)
        name = reached.read_text("utf-8").strip() if reached.exists() else None
        if name is not None:
            harm(process)
            (self.directory / "go").touch()
        self._left.append(process)
        if wait:
            self.settle()
        return name

    def settle(self) -> str:
        """Wait for all that killed runs left working; returns what they said."""
        said = ""
        while self._left:
            said += self._left.pop(0).communicate(timeout=PATIENCE)[0]
        return said

    def _start(self, moment: int | str, *command: str) -> subprocess.Popen[str]:
        for name in ("came", "reached", "go"):
            (self.directory / name).unlink(missing_ok=True)
        (self.directory / "came").touch()
        (self.directory / "came").chmod(0o666)  # for postgres too
        places = {"programs": "/usr/local/sbin", "scripts": SCRIPTS, "server": str(server_programs())}
        return self.host.start(
            *command,
            mounts=[f"mount --bind {self.directory / name} {place}" for name, place in places.items()],
            MOMENTS=str(self.directory),
            MOMENTS_OWN=str(self.host.path("/usr/local/sbin")),
            MOMENT=str(moment),
        )


@contextmanager
def watched(host: Host) -> Iterator[Moments]:
    """Stand-ins for every program of the system, every script, and what is called by its path of PostgreSQL's."""
    with tempfile.TemporaryDirectory(prefix="milkbot-moments-", dir="/dev/shm") as name:
        directory = Path(name)
        directory.chmod(0o777)
        os.mkfifo(directory / "never")
        (directory / "never").chmod(0o666)
        stand_in = directory / "stand-in"
        stand_in.write_text(_STAND_IN, "utf-8")
        stand_in.chmod(0o755)
        (directory / "programs").mkdir()
        for program in {path.name for folder in ("/usr/bin", "/usr/sbin") for path in Path(folder).iterdir()}:
            (directory / "programs" / program).symlink_to(stand_in)
        scripts = Path(shutil.copytree(host.path(SCRIPTS), directory / "scripts"))
        server = Path(shutil.copytree(server_programs(), directory / "server"))
        called = [path for path in scripts.iterdir() if path.is_file() and os.access(path, os.X_OK)]
        for path in [*called, *(server / program for program in ("initdb", "pg_ctl", "pg_amcheck"))]:
            path.rename(f"{path}.real")
            path.symlink_to(stand_in)
        moments = Moments(host, directory)
        try:
            yield moments
        finally:
            moments.settle()
