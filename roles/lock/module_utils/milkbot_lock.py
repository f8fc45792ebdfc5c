#!/usr/bin/python3
"""The one lock of a host: its file, its owner, and whether that owner is dead.

Used by the module deploy_lock and its action plugin; on a host it is deployment/scripts/deploy-lock.py, for the scripts
that an operator runs there manually:

    deploy-lock.py take --pid PID --purpose TEXT   prints the owner's run; exit code 75 when somebody else holds it
    deploy-lock.py free --run RUN
    deploy-lock.py who                             prints who acts, for the records
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pwd
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LOCK = Path("/run/lock/milkbot-deploy.json")
HELD_BY_ANOTHER = 75
LOGIN = Path("/proc/self/loginuid")
_NO_LOGIN = 2**32 - 1


def boot_id() -> str:
    """This boot of this machine; another one, or another machine, has another."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def pid_namespace() -> str:
    """Where our numbers of processes mean something: a container shares the boot of its host, and counts by itself."""
    return str(Path("/proc/self/ns/pid").stat().st_ino)


def started(pid: int) -> str | None:
    """When that process began, in the kernel's ticks since boot; None when there is none. Numbers are used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    # The name in brackets may hold anything, so the fields are counted from its end: state is the third, this the 22nd.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def acting_user(environment: Mapping[str, str] = os.environ, login: Path = LOGIN) -> str:
    """The user who logged in, else that of this process, with what SUDO_USER claims. As milkbot.cli.actor has it."""
    try:
        uid = int(login.read_text(encoding="ascii"))
    except (OSError, ValueError):
        uid = _NO_LOGIN
    if uid != _NO_LOGIN:
        return _name(uid)
    me = _name(os.getuid())
    claimed = re.sub(r"[^\w.@-]", "?", environment.get("SUDO_USER", ""))[:32]
    return f"{me} (SUDO_USER says {claimed})" if claimed not in ("", me) else me


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def owner(purpose: str, pid: int) -> dict[str, Any]:
    """The record of a process of this machine as the lock's owner."""
    host = socket.gethostname()
    return {
        "run": f"{host}:{boot_id()}:{pid}:{started(pid)}:{pid_namespace()}",
        "purpose": purpose,
        "user": acting_user(),
        "host": host,
        "pid": pid,
        "since": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
    }


def provably_dead(holder: dict[str, Any]) -> bool:
    """Whether its owner ran in this boot of this machine and its process is gone. Of others nothing is known."""
    _, boot, pid, began, namespace = (str(holder.get("run", "")).split(":") + [""] * 5)[:5]
    here = (boot, namespace) == (boot_id(), pid_namespace())
    return here and pid.isdigit() and started(int(pid)) != began


def described(holder: dict[str, Any]) -> str:
    known = {name: holder.get(name, "unknown") for name in ("purpose", "user", "host", "pid", "since")}
    return "{purpose} of {user} on {host} (process {pid}) since {since}".format(**known)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep every other user of the file out for the moment. The guard stays: removing it would split the waiters."""
    guard = os.open(path.with_suffix(".guard"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
    finally:
        os.close(guard)


def holder_of(path: Path) -> dict[str, Any] | None:
    """Who holds it. A file that is no record of ours counts as held by somebody unknown, never as free."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {"run": "unknown"}
    return found if isinstance(found, dict) else {"run": "unknown"}


def may_take(holder: dict[str, Any] | None, mine: str, instead_of: str | None = None) -> bool:
    """Whether that run may have it: from nobody, from itself, or from an owner that is dead."""
    return holder is None or holder["run"] in (mine, instead_of) or provably_dead(holder)


def take(path: Path, new: dict[str, Any], holder: dict[str, Any] | None) -> None:
    """Write the new owner in. What a dead one left working here is ended first."""
    if holder is not None and holder["run"] != new["run"]:
        end_orphans(holder["run"])
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(new, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def end_orphans(run: str) -> None:
    """Kill what a dead run left working here: what it began does not end with it.

    Every task of a run carries it in its environment. Killed like this, each converges when it is run again.
    """
    mark, mine = f"MILKBOT_RUN={run}".encode(), os.getpid()
    while True:
        found = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != mine]
        orphans = [int(entry.name) for entry in found if mark in environment_of(entry)]
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not orphans:
            return
        time.sleep(0.1)


def environment_of(process: Path) -> list[bytes]:
    """The variables that the process was started with; none once it has ended."""
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _take_for(path: Path, new: dict[str, Any]) -> int:
    with alone(path):
        holder = holder_of(path)
        if not may_take(holder, new["run"]):
            fix = "wait for it; if it is dead, free the lock: unlock.yml"
            print(f"the lock is held by {described(holder or {})}; {fix}", file=sys.stderr)
            return HELD_BY_ANOTHER
        if holder is not None:
            print(f"the lock passes to this run: its owner, {described(holder)}, is gone", file=sys.stderr)
        take(path, new, holder)
    print(new["run"])
    return 0


def _free(path: Path, run: str) -> int:
    with alone(path):
        holder = holder_of(path)
        if holder is not None and holder["run"] == run:
            path.unlink()
    return 0


def main() -> int:
    """The command line of the scripts on the host."""
    parser = argparse.ArgumentParser(prog="deploy-lock.py", description="Take or free the lock of this host's deploys.")
    parser.add_argument("--file", type=Path, default=LOCK, help="another lock than %(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    taking = commands.add_parser("take", help="take it for a process of this machine")
    taking.add_argument("--pid", type=int, required=True)
    taking.add_argument("--purpose", required=True)
    commands.add_parser("free", help="free it if that run holds it").add_argument("--run", required=True)
    commands.add_parser("who", help="print who acts")
    asked = parser.parse_args()
    os.umask(0o022)
    if asked.command == "who":
        print(acting_user())
        return 0
    if asked.command == "take":
        return _take_for(asked.file, owner(asked.purpose, asked.pid))
    return _free(asked.file, asked.run)


if __name__ == "__main__":
    sys.exit(main())
