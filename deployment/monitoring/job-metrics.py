#!/usr/bin/python3
"""job-metrics.py FILE CERTIFICATE

Writes how the backups, the drill and the off-site copy ended last, when the certificate ends, and the limits of this
host, to FILE for Prometheus' node exporter. The jobs keep their ends in /var/lib/milkbot-backup; what is not there yet
is left out. A state that cannot be read counts as a failure of its job.
Exit codes: 0 done · 1 FILE cannot be written · 2 wrong usage
"""

from __future__ import annotations

import calendar
import json
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STATES = Path("/var/lib/milkbot-backup")
LIMITS = Path("/opt/milkbot/deployment/limits.json")
KINDS = ("daily", "weekly", "monthly", "pre-deploy", "drill", "offsite")
Sample = tuple[str, float]


def moment(text: str) -> float:
    """Seconds since the epoch of a time like 2026-11-25T02:00:41Z. Raises ValueError."""
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))


def last_good(state: dict[str, Any]) -> float | None:
    return moment(state["last_good_at"]) if state["last_good_at"] else None


def proved(state: dict[str, Any]) -> float | None:
    """None for a job that proves nothing, and for a drill that failed."""
    return moment(state["taken_at"]) if state.get("taken_at") and state["result"] == "good" else None


# Name, what it is, and how its value is read from a state.
_METRICS = (
    ("milkbot_backup_good", "1 if the job's last run was good.", lambda state: float(state["result"] == "good")),
    ("milkbot_backup_finished_timestamp_seconds", "When that ended.", lambda state: moment(state["at"])),
    ("milkbot_backup_seconds", "How long that took.", lambda state: float(state["seconds"])),
    ("milkbot_backup_last_good_timestamp_seconds", "When its last good run ended.", last_good),
    ("milkbot_backup_proved_timestamp_seconds", "When the backup that the drill proved was made.", proved),
)


def read(states: Path) -> dict[str, list[Sample]]:
    """The samples of each metric, by the kind of job. A state that cannot be read is a job that is not good."""
    found: dict[str, list[Sample]] = {name: [] for name, _, _ in _METRICS}
    for kind in KINDS:
        path = states / f"{kind}.json"
        if not path.exists():
            continue
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            values = {name: value(state) for name, _, value in _METRICS}
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(
                f"job-metrics: {path} cannot be read: {error!r}; the next run of its job writes it anew",
                file=sys.stderr,
            )
            values = {"milkbot_backup_good": 0.0}
        for name, value in values.items():
            if value is not None:
                found[name].append((f'{{kind="{kind}"}}', value))
    return found


def certificate_ends(path: Path) -> float | None:
    """When the certificate ends, None for one that openssl cannot read."""
    command = ["openssl", "x509", "-in", str(path), "-noout", "-enddate"]
    asked = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - a path of ours
    if asked.returncode != 0:
        print(f"job-metrics: {path} is no certificate: {asked.stderr.strip()}", file=sys.stderr)
        return None
    return float(ssl.cert_time_to_seconds(asked.stdout.strip().partition("=")[2]))


def limits(path: Path) -> list[Sample]:
    """The table of limits, which the alert rules compare with; empty for one that cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [(f'{{name="{name}"}}', float(value)) for name, value in sorted(found.items())]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        print(f"job-metrics: {path} cannot be read: {error!r}; site.yml --tags health writes it anew", file=sys.stderr)
        return []


def render(states: Path, certificate: Path, table: Path = LIMITS) -> str:
    """The text of the file."""
    lines = []

    def add(name: str, documentation: str, samples: list[Sample]) -> None:
        if samples:
            lines.extend([f"# HELP {name} {documentation}", f"# TYPE {name} gauge"])
            lines.extend(f"{name}{labels} {value!r}" for labels, value in samples)

    found = read(states)
    for name, documentation, _ in _METRICS:
        add(name, documentation, found[name])
    ends = certificate_ends(certificate)
    add("milkbot_certificate_end_timestamp_seconds", "When it ends.", [] if ends is None else [("", ends)])
    add("milkbot_limit", "Where the platform warns and fails, by the limit's name.", limits(table))
    add("milkbot_job_metrics_timestamp_seconds", "When the states were read last.", [("", time.time())])
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(arguments[0])
    new = target.with_name(f".{target.name}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            # The collector may be another user.
            os.fchmod(file.fileno(), 0o644)
            file.write(render(STATES, Path(arguments[1])))
        new.replace(target)
    except OSError as error:
        print(f"job-metrics: {target} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
