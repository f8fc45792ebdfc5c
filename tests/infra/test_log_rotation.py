"""The platform's logs through a week whose days are a moment long."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import pytest
from testinfra.host import Host

DAYS = 7
LOG = "/var/log/milkbot/analytics.log"
APPENDED = "/var/log/milkbot/healthcheck.log"
STATE = "/run/milkbot-test-logrotate"
MARK = "line of a test"

# As a service writes, two of them as during a change of version; they end when their file is gone.
WRITER = f"""
import itertools, os, sys, time
import structlog
from milkbot.logging import configure_logging
from milkbot.settings import Settings
configure_logging(Settings(log_file="{LOG}"), "test")
log = structlog.get_logger("test")
for number in itertools.count():
    log.info("{MARK}", writer=int(sys.argv[1]), number=number)
    if not os.path.exists("/run/milkbot-test-writing"):
        break
    time.sleep(0.001)
"""
# As cron's jobs write: into the file that was open when they began.
APPENDER = f"""\
n=0
while [ -e /run/milkbot-test-writing ]; do
    n=$((n + 1)); echo "{MARK} $n"
    sleep 0.005
done >>{APPENDED}"""


def _rotate(host: Host, *, days_passed: int) -> None:
    """What logrotate.timer starts, as if the last time had been so many days ago."""
    files = host.check_output("ls /var/log/milkbot/*.log").split()
    then = host.check_output("date --date %s +%%Y-%%-m-%%-d-%%-H:0:0", f"{days_passed} days ago")
    host.check_output(
        "printf %s > " + STATE, "logrotate state -- version 2\n" + "".join(f'"{file}" {then}\n' for file in files)
    )
    host.check_output(f"logrotate --state {STATE} /etc/logrotate.d/00-milkbot /etc/logrotate.d/milkbot")


def _lines(host: Host, log: str) -> list[str]:
    """The lines of a test in a log and in what was rotated away of it, the oldest first."""
    files = host.check_output(f"ls --sort=version --reverse {log}*").split()
    return [line for line in host.check_output(f"zcat --force {' '.join(files)}").splitlines() if MARK in line]


@pytest.fixture
def writing(host: Host) -> Iterator[None]:
    """Three running writers."""
    host.check_output(f"touch /run/milkbot-test-writing {STATE}")
    python = f"/opt/milkbot/venv/bin/python -I -c {shlex.quote(WRITER)}"
    for number in (1, 2):
        unit = f"--collect --quiet --unit=milkbot-test-writer-{number} --uid=milkbot-analytics"
        host.check_output(f"systemd-run {unit} {python} {number}")
    host.check_output(f"systemd-run --collect --quiet --unit=milkbot-test-writer-3 /bin/sh -c {shlex.quote(APPENDER)}")
    yield
    host.check_output(f"rm -f /run/milkbot-test-writing {STATE}")
    host.check_output("timeout 600 sh -c 'while systemctl --quiet is-active milkbot-test-writer-*; do sleep 0.1; done'")


def _await_lines(host: Host) -> None:
    for log in (LOG, APPENDED):
        host.check_output(f"timeout 600 sh -c 'until grep -q -m 1 \"{MARK}\" {log}; do sleep 0.05; done'")


@pytest.mark.usefixtures("writing")
def test_no_line_is_lost_in_a_week_of_rotations(host: Host) -> None:
    _await_lines(host)
    for _ in range(DAYS):
        _rotate(host, days_passed=1)
        # Who appends has the old file open; it is compressed a day later.
        host.check_output(f"timeout 600 sh -c 'until grep -q \"{MARK}\" {LOG}; do sleep 0.05; done'")
    host.check_output("rm /run/milkbot-test-writing")
    host.check_output("timeout 600 sh -c 'while systemctl --quiet is-active milkbot-test-writer-*; do sleep 0.1; done'")

    written: dict[int, list[int]] = {1: [], 2: []}
    for line in _lines(host, LOG):
        entry = json.loads(line)
        written[entry["writer"]].append(entry["number"])
    for numbers in written.values():
        assert len(numbers) > DAYS
        assert sorted(numbers) == list(range(len(numbers)))
    appended = [int(line.rpartition(" ")[2]) for line in _lines(host, APPENDED)]
    assert sorted(appended) == list(range(1, len(appended) + 1))
    assert len(host.check_output(f"ls {LOG}.*").split()) >= DAYS


def test_a_log_above_its_limit_is_rotated_within_the_day(host: Host) -> None:
    limit = re.search(r"^maxsize (\d+)M$", host.check_output("cat /etc/logrotate.d/00-milkbot"), re.MULTILINE)
    assert limit is not None
    host.check_output(f"touch {STATE}")
    try:
        host.check_output(f"truncate --size=+{limit[1]}M {APPENDED} && echo >> {APPENDED}")
        _rotate(host, days_passed=0)
        assert host.file(APPENDED).size < 1_000_000
        host.check_output(f"rm {APPENDED}.1")
    finally:
        host.check_output(f"rm -f {STATE}")


def test_logrotate_checks_the_logs_every_hour(host: Host) -> None:
    assert "OnCalendar=hourly" in host.check_output("systemctl cat logrotate.timer")
    assert host.check_output("systemctl is-active logrotate.timer") == "active"
    for others in ("nginx", "postgresql-common"):
        debugged = host.run(f"logrotate --debug /etc/logrotate.d/00-milkbot /etc/logrotate.d/{others}")
        assert re.search(r"log files >= \d+ are rotated earlier", debugged.stderr + debugged.stdout)


def test_logrotate_accepts_every_rule(host: Host) -> None:
    done = host.run("logrotate --debug /etc/logrotate.conf")
    assert done.rc == 0
    assert [line for line in done.stderr.splitlines() if line.startswith("error:")] == []


def test_a_log_keeps_its_owner_and_mode_when_rotated(host: Host) -> None:
    host.check_output(f"logrotate --force --state {STATE} /etc/logrotate.d/milkbot")
    host.check_output(f"rm {STATE}")
    log = host.file(LOG)
    assert (log.user, log.mode) == ("milkbot-analytics", 0o640)
    host.check_output("curl -sf http://127.0.0.1:8000/v1/health")
