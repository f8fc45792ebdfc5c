"""Every row of the health check fails for real: found by one check, told once, and once more when it is well again."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.deploy.health_cases import CASES, OF_ITSELF, Case
from tests.deploy.platform import POSTGRES_UNIT, Platform, said
from tests.roles.conftest import make_pair
from tests.roles.receiver import Receiver, receiving

CHECK = "/opt/milkbot/deployment/scripts/healthcheck.sh"
STATE = "/var/lib/milkbot-health/state.json"
SECRET = secrets.token_hex(8)
FILES = ("/etc/milkbot/health.env", "/etc/milkbot/health-channels.json")
LOAD = (
    f"systemctl daemon-reload; systemctl reload nginx ssh {POSTGRES_UNIT}; "
    "systemctl restart milkbot-analytics.service milkbot-dashboard.service milkbot-trader.timer milkbot-rollups.timer"
)
RESERVE = "/var/backups/milkbot/.reserve"
# What others may write into while a case runs: all that is asserted about a message are the lines of the case's row.
_LINE = re.compile(r"^(FAIL|WARN|WELL AGAIN)[^:]*: (.{1,28}?): ", re.MULTILINE)


@dataclass(frozen=True)
class Health:
    """The machine's health check, and those whom it tells."""

    platform: Platform
    channel: Receiver
    switch: Receiver

    def check(self, *options: str) -> dict[str, Any]:
        """What one check says. Its exit code has to say the same."""
        done = self.platform.ssh(f"{CHECK} --json {' '.join(options)}; echo $?").splitlines()
        found: dict[str, Any] = json.loads(done[0])
        assert int(done[-1]) == ["ok", "warn", "fail"].index(found["result"])
        return found

    def row(self, name: str, *options: str) -> dict[str, str]:
        """Of one check; empty when there is no such row."""
        rows = {row["name"]: row for row in self.check(*options)["rows"]}
        assert all(len(known) <= 28 for known in rows)
        return dict(rows.get(name, {}))

    def alerts(self) -> list[str]:
        """Texts that the channel took since it was asked last."""
        taken, self.channel.taken[:] = list(self.channel.taken), []
        return [body["text"] for _, body in taken]

    def alerts_of(self, row: str) -> list[str]:
        return [word for text in self.alerts() for word, name in _LINE.findall(text) if name == row]

    def alerts_after(self, checks: int, row: str) -> list[str]:
        """What so many more checks tell of the row."""
        for _ in range(checks):
            self.check("--alert")
        return self.alerts_of(row)

    def calm(self) -> None:
        """Nothing fails or warns, and everybody knows."""
        for _ in range(6):
            found = self.check("--alert", "--quiet")
            if found["result"] == "ok":
                break
            # A tick or rollup may have met what the case before had broken.
            self.platform.ssh("systemctl start milkbot-trader.service milkbot-rollups.service || true")
            time.sleep(2)
        assert found["rows"] == []
        self.alerts()


@pytest.fixture(scope="module")
def health(platform: Platform) -> Iterator[Health]:
    """Installed by the role with a real channel and a switch. Cron's own check stands back meanwhile."""
    here = platform.ssh("ip -4 route show default").split()[2]
    platform.ssh(f"cp -p {' '.join(FILES)} /run")
    with receiving(address=here) as channel, receiving(address=here) as switch:
        done = platform.play(
            "site.yml",
            "--tags=health",
            health_alert_urls=[f"http://{channel.address}/{SECRET}"],
            health_ping_url=f"http://{switch.address}/{SECRET}",
            health_alert_on=["fail", "warn"],
        )
        assert done.returncode == 0, said(done)
        assert SECRET not in said(done)
        platform.ssh(f"crontab -l >/run/crontab; grep -v {CHECK} /run/crontab | crontab -")
        # What other tests wrote and took back is on disk as before, and newer than what runs.
        platform.ssh(LOAD)
        platform.ssh(f"test -e {RESERVE} || head -c 1M /dev/zero >{RESERVE}")
        try:
            yield Health(platform, channel, switch)
        finally:
            platform.ssh("crontab /run/crontab; cp -p /run/health.env /run/health-channels.json /etc/milkbot")


def _filled(command: str, platform: Platform) -> str:
    """The command with the certificates that it puts in place, and the schema that it goes back to."""
    for name, days in (("expired", -1), ("ending", 20), ("new", 90)):
        if f"{{{name}}}" in command:
            pair = make_pair(begins=-30, ends=days)
            for file, text in ((f"{name}.pem", pair.certificate), (f"{name}.pem.key", pair.key)):
                platform.ssh(f"echo {base64.b64encode(text.encode()).decode()} | base64 -d >/run/{file}")
            command = command.replace(f"{{{name}}}", f"/run/{name}.pem")
    schema = json.loads(platform.ssh("cat /opt/milkbot/current/release.json"))["schema"]
    return command.replace("{schema}", schema)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=str(case), marks=[] if case.quick else pytest.mark.matrix) for case in CASES]
)
def test_a_failing_row_is_alerted_once_and_its_recovery_once(health: Health, case: Case) -> None:
    wreck, remedy = (_filled(command, health.platform) for command in (case.wreck, case.remedy))
    health.calm()
    try:
        health.platform.ssh(wreck)
        for number in range(case.checks):
            row = health.row(case.row, "--alert")
            assert row["state"] == case.state
            assert case.said in row["value"]
            assert row["remedy"]
            alerts = health.alerts_of(case.row)
            assert alerts == ([case.state.upper()] if number + 1 == case.checks else [])
        for _ in range(2 if case.lasts else 0):
            assert health.row(case.row, "--alert")["state"] == case.state
            assert health.alerts_of(case.row) == []
    finally:
        health.platform.ssh(remedy)
    for _ in range(5):
        if health.row(case.row, "--alert").get("state", "ok") == "ok":
            break
        time.sleep(2)
    assert health.alerts_of(case.row) == ["WELL AGAIN"]
    assert health.alerts_after(2, case.row) == []


# Where everything is switched on.
def test_every_row_has_a_case_that_makes_it_fail(health: Health) -> None:
    switches = r"TRADING_MODE=live\nBACKUP_OFFSITE=yes\nPGBACKREST=yes\nDRILL=yes\n"
    try:
        health.platform.ssh(f"cp -p {FILES[0]} /run/all.kept; printf '{switches}' >>{FILES[0]}")
        names = {row["name"] for row in health.check()["rows"]}
    finally:
        health.platform.ssh(f"mv /run/all.kept {FILES[0]}")
    assert names - {case.row for case in CASES} == OF_ITSELF


@pytest.mark.matrix
def test_the_check_ends_in_time_when_programs_hang(health: Health) -> None:
    hang = "printf '#!/bin/sh\\nsleep 60\\n' >/run/hang; chmod 755 /run/hang; mount --bind /run/hang {0}"
    programs = ("/usr/sbin/ufw", "/usr/bin/openssl", "/usr/bin/journalctl", "/usr/bin/psql")
    health.calm()
    try:
        for program in programs:
            health.platform.ssh(hang.format(f"$(readlink -f {program})"))
        began = time.monotonic()
        rows = {row["name"]: row for row in health.check("--quiet")["rows"]}
        took = time.monotonic() - began
    finally:
        for program in programs:
            health.platform.ssh(f"umount $(readlink -f {program})")
    assert took < 55  # less than one of them hangs
    for name in ("firewall", "certificate", "log of milkbot-trader", "last tick", "UNKNOWN orders"):
        assert "cannot be judged" in rows[name]["value"]
    assert rows["database"]["state"] == "fail"
    assert "no answer within 8 s" in rows["database"]["value"]


@pytest.mark.matrix
def test_a_channel_that_was_down_receives_the_alerts_that_waited(health: Health) -> None:
    health.calm()
    health.channel.status = 503
    try:
        health.platform.ssh("systemctl stop nginx")
        assert health.row("nginx.service", "--alert")["state"] == "fail"
        health.alerts()
        row = health.row("alert channels")
        assert row["state"] == "warn"
        assert "1 messages wait" in row["value"]
        assert "channel 1 of 1: it answered 503" in row["value"]
        health.channel.status = 200
        health.platform.ssh("systemctl start nginx")
        health.check("--alert")
        (text,) = health.alerts()
        assert "FAIL: nginx.service" in text
        assert "WELL AGAIN after" in text.split("FAIL: nginx.service")[1]
        assert health.row("alert channels")["state"] == "ok"
    finally:
        health.channel.status = 200
        health.platform.ssh("systemctl start nginx")


@pytest.mark.matrix
def test_an_alert_of_a_channel_that_is_down_goes_once_to_the_other_one(health: Health) -> None:
    health.calm()
    with receiving(503, address=str(health.channel.server_address[0])) as other:
        more = f"jq -c '.urls += [\"http://{other.address}/{SECRET}\"]' /run/channels.kept >{FILES[1]}"
        health.platform.ssh(f"cp -p {FILES[1]} /run/channels.kept; {more}; systemctl stop cron")
        try:
            assert health.alerts_after(1, "alert channels") == []
            assert health.alerts_after(3, "alert channels") == ["WARN"]
            other.taken.clear()
            other.status = 200
            health.platform.ssh("systemctl start cron")
            assert health.alerts_after(3, "alert channels") == ["WELL AGAIN"]
        finally:
            health.platform.ssh(f"mv /run/channels.kept {FILES[1]}; systemctl start cron")
    taken = [line for _, body in other.taken for line in _LINE.findall(body["text"])]
    assert [word for word, row in taken if row == "cron.service"] == ["FAIL", "WELL AGAIN"]
    assert [word for word, row in taken if row == "alert channels"] == ["WARN", "WELL AGAIN"]


@pytest.mark.matrix
def test_a_dead_mans_switch_that_cannot_be_reached_is_alerted_once(health: Health) -> None:
    health.calm()
    health.switch.status = 500
    try:
        # Its ping comes after the rows: the next check knows.
        assert health.alerts_after(1, "dead man's switch") == []
        assert health.alerts_after(3, "dead man's switch") == ["WARN"]
    finally:
        health.switch.status = 200
    assert health.alerts_after(1, "dead man's switch") == []
    assert health.alerts_after(3, "dead man's switch") == ["WELL AGAIN"]


@pytest.mark.matrix
def test_the_heartbeat_ping_reports_success_and_failure(health: Health) -> None:
    health.calm()
    health.switch.taken.clear()
    health.check("--alert")
    health.platform.ssh("systemctl stop nginx")
    try:
        health.check("--alert")
    finally:
        health.platform.ssh("systemctl start nginx")
    (good, _), (bad, body) = health.switch.taken
    assert (good, bad) == (f"/{SECRET}", f"/{SECRET}/fail")
    assert body.startswith("fail  nginx.service")
    health.switch.status = 500
    try:
        health.check("--alert")
        assert "it answered 500" in health.row("dead man's switch")["value"]
    finally:
        health.switch.status = 200


@pytest.mark.matrix
def test_a_check_shows_that_the_alert_runs_stopped(health: Health) -> None:
    health.calm()
    health.platform.ssh(f"jq -c '.at -= 3600' {STATE} >{STATE}.x && mv {STATE}.x {STATE}")
    assert health.row("alert run")["value"] == "last 60 min ago"
    assert health.row("alert run")["state"] == "warn"


@pytest.mark.matrix
def test_a_clock_that_went_back_fails_its_row(health: Health) -> None:
    health.calm()
    health.platform.ssh(f"jq -c '.at += 3600' {STATE} >{STATE}.x && mv {STATE}.x {STATE}")
    row = health.row("clock")
    assert (row["state"], row["value"]) == ("fail", "went back by 60 min since the last check")


@pytest.mark.matrix
def test_of_two_alerting_checks_the_second_ends_at_once(health: Health) -> None:
    held = f"flock /run/lock/milkbot-health.lock sh -c '{CHECK} --alert 2>&1; echo $?'"
    said_, code = health.platform.ssh(held).splitlines()
    assert (said_, code) == ("healthcheck.sh: another check that alerts is running; this one ends", "75")
    assert health.check()["rows"]


@pytest.mark.matrix
def test_a_killed_check_loses_no_alert(health: Health) -> None:
    """Killed at many moments; each failure and each recovery is told at least once, in this order."""
    for milliseconds in (100, 300, 500, 700, 900, 1100, 1300, 1600, 2000, 2500):
        health.calm()
        words = []
        for command in ("systemctl stop cron", "systemctl start cron"):
            health.platform.ssh(command)
            health.platform.ssh(f"timeout --signal=KILL {milliseconds / 1000} {CHECK} --alert >/dev/null 2>&1 || true")
            health.check("--alert")
            words += health.alerts_of("cron.service")
        assert set(words) == {"FAIL", "WELL AGAIN"}
        assert words == sorted(words)
        assert len(words) <= 4


@pytest.mark.matrix
def test_an_alert_is_sent_once_with_a_full_disk(health: Health) -> None:
    health.calm()
    full = "mount -t tmpfs -o size=1m none /mnt && dd if=/dev/zero of=/mnt/full bs=1M count=4 status=none"
    health.platform.ssh(f"cp {STATE} /run/kept.json; {full} || true; mount --bind /mnt /var/lib/milkbot-health")
    try:
        health.platform.ssh("systemctl stop nginx")
        for _ in range(3):
            health.check("--alert")
        assert health.alerts_of("nginx.service") == ["FAIL"]
        # Cron's log is on that disk as well.
        assert health.platform.ssh(f"{CHECK} --alert >/mnt/log 2>/mnt/log; echo $?") == "2"
    finally:
        health.platform.ssh("umount /var/lib/milkbot-health; umount /mnt; systemctl start nginx")
    health.check("--alert")
    assert health.alerts_of("nginx.service") == ["WELL AGAIN"]


@pytest.mark.parametrize("option", ["--alerts", "extra", "--json=x"])
def test_a_wrong_option_is_refused_with_the_usage(health: Health, option: str) -> None:
    answer = health.platform.ssh(f"{CHECK} {option} 2>&1 || echo $?").splitlines()
    assert answer[-1] == "64"
    assert "usage: healthcheck.sh" in answer[0]


def test_a_check_by_a_service_user_is_refused(health: Health) -> None:
    answer = health.platform.ssh(f"runuser -u milkbot -- {CHECK} 2>&1 || echo $?").splitlines()
    assert answer == [f"healthcheck.sh: run it as root: sudo {CHECK}", "77"]


def test_a_channels_address_is_readable_by_root_alone(health: Health) -> None:
    kept = health.platform.ssh(f"grep -rlF {SECRET} /etc /opt/milkbot /var/log/milkbot /var/lib/milkbot-health || true")
    assert kept.split() == ["/etc/milkbot/health-channels.json"]
    assert health.platform.ssh("stat -c %U:%a /etc/milkbot/health-channels.json") == "root:600"
    watch = "until test -e /run/done; do cat /proc/[0-9]*/cmdline; done 2>/dev/null >/run/seen; true"
    health.platform.ssh(f"rm -f /run/done; ({CHECK} --alert >/dev/null 2>&1; touch /run/done) & {watch}")
    seen = health.platform.ssh(f"grep -ac healthcheck /run/seen; grep -ac {SECRET} /run/seen || true").split()
    assert seen[1:] == ["0"]
    assert int(seen[0]) > 0


_CONF = "/etc/nginx/sites-available/milkbot.conf"


def _nginx(change: str) -> tuple[str, str]:
    """A change of the site's file by sed, and the way back."""
    kept = "/run/kept.conf"
    return f"cp {_CONF} {kept} && sed -i '{change}' {_CONF} && systemctl reload nginx && sleep 1", (
        f"cp {kept} {_CONF} && systemctl reload nginx"
    )


OUTSIDE: dict[str, tuple[str, str, str]] = {
    "open ports": (
        "ufw allow 9090/tcp >/dev/null; systemd-run --quiet --unit=milkbot-open python3 -m http.server 9090; sleep 1",
        "systemctl stop milkbot-open; ufw delete allow 9090/tcp >/dev/null",
        "9090 is open",
    ),
    "TLS versions": (*_nginx("s/TLSv1.2 TLSv1.3;/TLSv1.3;/"), "takes TLSv1.3"),
    "TLS ciphers": (*_nginx("s/ssl_ciphers .*/ssl_ciphers ALL;/"), "takes "),
    "http to https": (*_nginx("s/return 301 https/return 302 https/"), "answers 302"),
    "Strict-Transport-Security": (*_nginx("s/max-age=63072000/max-age=60/"), "is max-age=60"),
    "security headers": (*_nginx("/X-Content-Type-Options/d"), "missing or weak: X-Content-Type-Options"),
    "what answers tell": (*_nginx("/proxy_hide_header X-Milkbot-Release/d"), "tells x-milkbot-release"),
    "writes to the API": (*_nginx("s/deny all;//"), "a POST is answered by"),
    "other names": (*_nginx("s/return 444;/return 200;/"), "http://unknown.invalid/ is answered by 200"),
    "page from outside": ("systemctl stop nginx", "systemctl start nginx", "no answer"),
}


@pytest.fixture
def verify(platform: Platform) -> Callable[..., str]:
    def run_(**variables: Any) -> str:
        given = {"verify_address": platform.address, "verify_ca_file": str(platform.authority), **variables}
        done = platform.play("verify.yml", **given)
        return f"{done.returncode} {said(done)}"

    return run_


def test_verify_passes_on_a_healthy_host(health: Health, verify: Callable[..., str]) -> None:
    health.calm()
    answer = verify()
    assert answer.startswith("0 "), answer
    assert "ok open ports 22, 80, 443 of" in answer


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=[] if row == "open ports" else pytest.mark.matrix) for row in OUTSIDE]
)
def test_verify_names_each_fault_that_shows_from_outside(health: Health, verify: Callable[..., str], row: str) -> None:
    wreck, remedy, shown = OUTSIDE[row]
    health.platform.ssh(wreck)
    try:
        answer = verify()
    finally:
        health.platform.ssh(remedy)
    assert answer.startswith("2 "), answer
    assert f"FAIL {row} {shown}" in answer


@pytest.mark.matrix
def test_verify_fails_on_a_certificate_that_is_not_trusted(verify: Callable[..., str]) -> None:
    answer = verify(verify_ca_file="")
    assert answer.startswith("2 "), answer
    assert "FAIL page from outside the certificate is not trusted" in answer
    assert "ok http to https" in answer


@pytest.mark.matrix
def test_the_health_role_is_idempotent_and_refuses_a_wrong_address(health: Health) -> None:
    wrong = health.platform.play("site.yml", "--tags=health", health_alert_urls=[f"slak://{SECRET}"])
    assert wrong.returncode == 2
    assert "health_alert_urls, entry 1 = slak://…, the rest is secret: give an address" in said(wrong)
    assert SECRET not in said(wrong)
    variables: dict[str, Any] = {
        "health_alert_webhook": f"http://{health.channel.address}/{SECRET}",
        "health_ping_url": "",
    }
    first, second = (health.platform.play("site.yml", "--tags=health", "--diff", **variables) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), said(first) + said(second)
    assert SECRET not in said(first) + said(second)
    assert re.search(r"changed=[1-9]", said(first))
    assert "changed=0 " in said(second)
