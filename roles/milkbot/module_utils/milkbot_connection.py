"""The ssh connection by which a module runs: what must not be cut."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Connection:
    """Where it comes from, the port of this host's sshd that it came by, and the login; empty and 0 without one."""

    client: str = ""
    client_port: int = 0
    port: int = 0
    login: str = ""


def connection() -> Connection:
    """sudo removes the variable that sshd sets, so the processes above are asked for it."""
    pid = os.getpid()
    while pid > 1:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        known = dict(entry.decode(errors="replace").split("=", 1) for entry in environment if b"=" in entry)
        fields = known.get("SSH_CONNECTION", "").split()
        if len(fields) == 4 and fields[1].isdigit() and fields[3].isdigit():
            return Connection(
                fields[0], int(fields[1]), int(fields[3]), known.get("SUDO_USER") or known.get("LOGNAME", "")
            )
        # The name in brackets may hold anything.
        pid = int(stat.rpartition(")")[2].split()[1])
    return Connection()
