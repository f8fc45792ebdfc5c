"""How the trader and other visitors fare while somebody takes too much; and a machine without its limits."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.deploy.load import Answer, asking
from tests.deploy.platform import DOMAIN, POSTGRES_UNIT, Platform

RUNTIME = "/run/systemd/system"
LATEST_START = 90
"""Seconds. A timer starts a tick each minute on a test's machine; one that is late by half of that was kept waiting."""
_PATIENCE = 600
_UNITS = (
    *("milkbot-dashboard", "milkbot-analytics", "milkbot-rollups", "milkbot-simulator", "milkbot-trader"),
    *("nginx", POSTGRES_UNIT, "ssh"),
)
_ONE_SHOT = {"milkbot-rollups", "milkbot-trader"}
# As with milkbot_unit_limits_enabled: false, but for the scores of PostgreSQL's own processes.
_UNLIMITED = """[Service]
MemoryHigh=infinity
MemoryMax=infinity
TasksMax=infinity
CPUWeight=100
IOWeight=100
OOMScoreAdjust=0
"""
# nginx as Debian packages it: no limit for a visitor, and its own for all of them.
_NGINX = "etc/nginx/nginx.conf etc/nginx/sites-available"
_AS_PACKAGED = (
    "sed -i -E '/^ *(limit_(req|conn)|client_(header|body)_timeout|send_timeout) /d' /etc/nginx/sites-available/* && "
    "sed -i -E 's/(worker_connections) [0-9]+/\\1 768/' /etc/nginx/nginx.conf"
)


def put(platform: Platform, text: str, *paths: str) -> None:
    """Write it into each of the files on the machine."""
    encoded = base64.b64encode(text.encode()).decode()
    files = " ".join(paths)
    platform.ssh(f'for file in {files}; do mkdir -p "$(dirname $file)"; echo {encoded} | base64 --decode >$file; done')


@contextmanager
def without(platform: Platform) -> Iterator[None]:
    """No unit has a limit, a share or a score, and nginx bounds no visitor and has as few connections as packaged."""
    again = f"systemctl daemon-reload; systemctl restart {' '.join(unit for unit in _UNITS if unit not in _ONE_SHOT)}"
    put(platform, _UNLIMITED, *(f"{RUNTIME}/{unit}.service.d/zz-unlimited.conf" for unit in _UNITS))
    platform.ssh(f"cd / && tar --create --file=/root/limited.tar {_NGINX} && {_AS_PACKAGED} && nginx -t -q; {again}")
    try:
        yield
    finally:
        platform.ssh(
            f"rm {RUNTIME}/*/zz-unlimited.conf; tar --extract --file=/root/limited.tar --directory=/ && "
            f"rm /root/limited.tar; nginx -t -q; {again}"
        )


class Fared(NamedTuple):
    """What came of it; seconds at most."""

    ticks: int
    pause: float
    length: float
    answers: list[Answer]

    @property
    def failures(self) -> list[str]:
        return [f"{answer.path}: {answer.failure}" for answer in self.answers if answer.failure]

    def __str__(self) -> str:
        slowest = max((answer.seconds for answer in self.answers), default=0)
        return (
            f"{self.ticks} ticks, {self.pause:.0f} s between two of them, {self.length:.1f} s for one; "
            f"{len(self.failures)} of {len(self.answers)} requests failed, the slowest took {slowest:.1f} s"
        )


def sql(platform: Platform, query: str) -> str:
    """What PostgreSQL answers, as its superuser."""
    return platform.ssh(f'cd / && runuser -u postgres -- psql -XqAt milkbot -c "{query}"')


def fares(platform: Platform, *, count: int = 2, rate: float = 5, patience: float = _PATIENCE) -> Fared:
    """Ask as another visitor until so many ticks began and ended from now on, or patience is at its end."""
    newest, began = sql(platform, "SELECT max(id), now() FROM ops.ticks").split("|")
    done = f"SELECT count(*) FROM ops.ticks WHERE id > {newest} AND outcome = 'completed'"
    end = time.monotonic() + patience
    with asking(platform.address, DOMAIN, platform.authority, rate=rate) as answers:
        while (ticks := int(sql(platform, done))) < count and time.monotonic() < end:
            time.sleep(5)
    # What a flood before this one cost is not counted.
    before = f"greatest(lag(started_at) OVER (ORDER BY id), timestamptz '{began}')"
    each = (
        f"SELECT extract(epoch FROM started_at - {before}) AS pause,"
        f" extract(epoch FROM finished_at - started_at) AS length FROM ops.ticks WHERE id >= {newest}"
    )
    worst = f"SELECT coalesce(max(pause), 0), coalesce(max(length), 0) FROM ({each}) AS all_of_them"
    pause, length = sql(platform, worst).split("|")
    return Fared(ticks, float(pause), float(length), answers.every)
