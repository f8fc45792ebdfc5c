"""Requests and open dashboards, from a process of their own: what the bench itself does must not slow them.

python -m tests.bench.deploy.load ADDRESS DOMAIN AUTHORITY says `ready` on standard output once every dashboard has its
page, and what it saw, as JSON, once its standard input ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.load import Answer, asking
from tests.deploy.platform import DOMAIN, ROOT, Platform
from tests.deploy.sockets import Return, watching

REQUESTS_PER_SECOND = 100
DASHBOARDS = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """What one load saw, timed by this machine's monotonic clock."""

    answers: list[Answer]
    returns: list[Return]
    away: list[float]


@dataclass(frozen=True, slots=True)
class Load:
    """The running process."""

    process: subprocess.Popen[str]

    @staticmethod
    def start(platform: Platform) -> Load:
        """Returns once the dashboards are open."""
        command = [sys.executable, "-m", __spec__.name, platform.address, DOMAIN, str(platform.authority)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("the load did not start")
        return Load(process)

    def stop(self) -> Seen:
        said, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise RuntimeError(f"the load left with {self.process.returncode}")
        seen = json.loads(said)
        return Seen([Answer(*one) for one in seen["answers"]], [Return(*one) for one in seen["returns"]], seen["away"])


def main() -> None:
    address, domain, authority = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    with (
        watching(address, domain, authority, count=DASHBOARDS) as dashboards,
        asking(address, domain, authority, rate=REQUESTS_PER_SECOND) as answers,
    ):
        print("ready", flush=True)
        sys.stdin.read()
        seen = {"returns": dashboards.returns, "away": list(dashboards.away.values())}
    json.dump({"answers": answers.every, **seen}, sys.stdout)


if __name__ == "__main__":
    main()
