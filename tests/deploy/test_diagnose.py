"""diagnose.sh and diagnose.yml, on a machine that is broken for real, one way after the other."""

from __future__ import annotations

import io
import re
import shlex
import tarfile
import time
from pathlib import Path

import pytest
from tests.deploy.broken import CASES, PAIR_FILES, Case
from tests.deploy.platform import Platform, said
from tests.patience import PATIENCE
from tests.roles.conftest import Pair, make_pair

SCRIPT = "/opt/milkbot/deployment/scripts/diagnose.sh"
_HEALTHY = "Nothing wrong was found."
# What the platform writes by itself while it is looked at; all else below these would be ours.
_ITS_OWN = (
    "/var/log",
    "/run/log",
    "/run/systemd",
    "/run/user",
    "/run/udev",
    "/run/postgresql",
    "/dev/shm/PostgreSQL.",  # of a query with parallel workers
    "/run/utmp",
    "/run/motd.dynamic",
    "/tmp/systemd-private-",
    "/var/tmp/systemd-private-",
    "/run/sudo",
    "/run/lock/milkbot",
    "/run/milkbot-",
    "/run/test-",
    "/var/lib/systemd/timers",
    "/var/cache/milkbot-trader",
    "/var/lib/postgresql",
    "/var/backups/milkbot-wal/archive",  # the server hands over a segment every half minute
    "/var/lib/milkbot-simulator",
    "/opt/milkbot/data",
)


def _page(platform: Platform, *options: str) -> str:
    return platform.ssh(" ".join((SCRIPT, *options)))


def _first(page: str) -> str:
    found = re.search(r"^1\. .*\[([\w-]+)\]", page, re.MULTILINE)
    return found[1] if found else ""


def _commands(page: str) -> list[str]:
    """What the first diagnosis says to type on the host itself."""
    first = page.partition("\n1. ")[2].partition("\n2. ")[0].partition("\n   do    ")[2].split("\n\n")[0]
    lines = [line.strip() for line in first.splitlines()]
    return [line for line in lines if line and "ansible-playbook" not in line and not line.startswith("journalctl")]


def _until_healthy(platform: Platform) -> str:
    """The page once nothing is wrong any more: a service needs a moment, and a tick that failed the next tick."""
    deadline = time.monotonic() + PATIENCE
    while True:
        # What failed on purpose is run again now, and not when its timer comes.
        platform.ssh("systemctl start milkbot-trader.service milkbot-rollups.service || true")
        page = _page(platform, "--all")
        if _HEALTHY in page or time.monotonic() > deadline:
            return page
        time.sleep(3)


_TABLE = [
    pytest.param(case, id=f"{number}-{case.first}", marks=() if case.often else (pytest.mark.matrix,))
    for number, case in enumerate(CASES)
]


@pytest.mark.parametrize("case", _TABLE)
def test_the_fault_of_the_host_is_named_first_and_its_remedy_works(platform: Platform, case: Case) -> None:
    platform.ssh("set -e; " + case.break_it)
    try:
        page = _page(platform)
        assert _first(page) == case.first, page
        assert case.word in " ".join(page.split())
        commands = _commands(page)
        if case.by_page:
            assert commands
            platform.ssh("; ".join(commands))
    except BaseException:
        platform.ssh(f"({case.repair}) || true")
        raise
    if not case.by_page:
        platform.ssh(case.repair)
    else:
        platform.ssh("rm -f /root/test-saved")
    page = _until_healthy(platform)
    if case.by_page:
        platform.ssh(f"({case.repair}) || true")
    assert _HEALTHY in page, page


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("first", "pair", "put"),
    [
        ("certificate-expired", make_pair(begins=-90, ends=-1), "with its key"),
        ("certificate-ends-soon", make_pair(ends=10), "with its key"),
        ("certificate-key-mismatch", make_pair(), "alone"),
        ("certificate-of-another", make_pair("other.test"), "with its key"),
        ("certificate-too-young", make_pair(begins=5), "with its key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_of_the_certificate_is_named_first(platform: Platform, first: str, pair: Pair, put: str) -> None:
    platform.ssh(f"cp -a {PAIR_FILES[0]} /root/test-certificate; cp -a {PAIR_FILES[1]} /root/test-key")
    try:
        platform.ssh(f"printf %s {shlex.quote(pair.certificate)} >{PAIR_FILES[0]}")
        if put != "alone":
            platform.ssh(f"printf %s {shlex.quote(pair.key)} >{PAIR_FILES[1]}")
        page = _page(platform)
    finally:
        platform.ssh(f"mv /root/test-certificate {PAIR_FILES[0]}; mv /root/test-key {PAIR_FILES[1]}")
    assert _first(page) == first, page
    assert _HEALTHY in _until_healthy(platform)


def _touched(platform: Platform) -> set[str]:
    """Files that were made, changed, moved or chowned since the mark, but for what the platform does by itself."""
    newer = r"\( -newer /run/test-mark -o -cnewer /run/test-mark \)"
    found = platform.ssh(
        f"find / -xdev {newer} -print 2>/dev/null; find /run /tmp /dev/shm -xdev {newer} -print 2>/dev/null || true"
    )
    skipped = ("/run", "/", "/dev/shm", "/tmp", "/var/tmp", "/run/lock", "/opt/milkbot")
    return {line for line in found.splitlines() if not line.startswith(_ITS_OWN) and line not in skipped}


_PLANTED = [
    "planted-Webhook-4711",
    "planted-Token-4712",
    "planted-Basic-4713",
    "planted-Argument-4714",
    "planted-Query-4715",
]
# Cron's health check and the hourly rotation write too, and may come at any moment.
_PLANT = """
set -e
systemctl stop cron logrotate.timer
printf 'MILKBOT_HEALTHCHECKS_URL=https://ping.example.com/planted-Webhook-4711\\n' >/etc/milkbot/test.env
mkdir -p /run/systemd/system/milkbot-rollups.service.d
cat /opt/milkbot/.env /opt/milkbot/kalshi_private_key.pem /etc/ssl/private/milkbot.test.key >/run/test-secrets
chmod 644 /run/test-secrets
printf '[Service]\\nEnvironment=TEST_TOKEN=planted-Token-4712\\nExecStartPre=+/bin/cat /run/test-secrets\\n' \
    >/run/systemd/system/milkbot-rollups.service.d/test.conf
printf 'map $uri $test { default ""; } # Authorization: Basic planted-Basic-4713\\n' >/etc/nginx/conf.d/test.conf
systemctl daemon-reload
systemctl restart milkbot-rollups
systemd-run --quiet --collect --unit=test-argument sh -c 'sleep 300 # --token=planted-Argument-4714'
systemd-run --quiet --collect --unit=test-query --uid=postgres psql -X -c \
    "SELECT pg_sleep(300), 'password=planted-Query-4715'"
password=$(sed -n 's/^POSTGRES_PASSWORD=//p' /opt/milkbot/.env)
curl --silent --insecure --resolve milkbot.test:443:127.0.0.1 "https://milkbot.test/health?x=$password" >/dev/null
sleep 1
"""
# Where in the archive each of them was, and a word that stands beside it.
_PLACES = {
    "units/files": "TEST_TOKEN",
    "journal/milkbot-rollups.service": "PRIVATE KEY",
    "host/processes": "--token=",
    "postgres/activity": "pg_sleep",
    "nginx/test": "Authorization",
    "config/etc/milkbot/test.env": "HEALTHCHECKS",
    "nginx/milkbot-access.log": "health?x=",
    "config/opt/milkbot/.env": "POSTGRES_PASSWORD",
}
_PULL_UP = """
rm -rf /etc/milkbot/test.env /run/systemd/system/milkbot-rollups.service.d /run/test-secrets /etc/nginx/conf.d/test.conf
systemctl daemon-reload; systemctl stop test-argument test-query; systemctl start cron logrotate.timer
"""


def test_the_archive_holds_no_secret_and_the_host_is_unchanged(platform: Platform, tmp_path: Path) -> None:
    secrets = [
        *platform.ssh("sed -n 's/^POSTGRES_PASSWORD=//p; s/^KALSHI_API_KEY_ID=//p' /opt/milkbot/.env").split(),
        *platform.ssh(
            "grep -hv -- ----- /opt/milkbot/kalshi_private_key.pem /etc/ssl/private/milkbot.test.key"
        ).split(),
        *_PLANTED,
    ]
    try:
        platform.ssh(_PLANT)
        platform.ssh("sleep 1; touch /run/test-mark; sleep 1")
        done = platform.play("diagnose.yml", diagnose_directory=str(tmp_path / "kept"))
        touched = _touched(platform)
    finally:
        platform.ssh(_PULL_UP)
    assert done.returncode == 0, said(done)
    assert "changed=0" in done.stdout
    assert touched == set()
    (archive,) = (tmp_path / "kept").iterdir()
    assert archive.stat().st_mode & 0o777 == 0o600
    assert str(archive) in said(done)
    assert archive.stat().st_size < 5_000_000
    texts: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as opened:
        for member in opened:
            file = opened.extractfile(member)
            assert file is not None
            texts[member.name] = file.read().decode("utf-8", "replace")
    # Each place was looked at, or the test would prove nothing.
    for place, word in _PLACES.items():
        assert word in texts[f"milkbot-diagnosis/{place}.txt"], place
    found = {(secret, name) for secret in secrets for name, text in texts.items() if secret in text}
    assert found == set()
    for secret in secrets:
        assert secret not in done.stdout + done.stderr


@pytest.mark.matrix
def test_check_mode_succeeds_and_keeps_no_archive(platform: Platform, tmp_path: Path) -> None:
    done = platform.play("diagnose.yml", "--check", diagnose_directory=str(tmp_path / "kept"))
    assert done.returncode == 0, said(done)
    assert "changed=0" in done.stdout
    assert not (tmp_path / "kept").exists()


_AWAY = """
mkdir -p /root/away
mv /usr/bin/psql /usr/bin/jq /usr/bin/openssl /usr/bin/systemd-detect-virt /root/away/
mv /usr/sbin/nginx /usr/sbin/ufw /usr/sbin/runuser /opt/milkbot/deployment /root/away/
systemctl kill --signal=SIGSTOP postgresql@$(ls /etc/postgresql)-main
mount -t tmpfs -o size=4k none /tmp
mount -t tmpfs -o size=4k none /var/tmp
for place in /tmp /var/tmp; do dd if=/dev/zero of=$place/x bs=4k count=64 2>/dev/null; done
true
"""
_BACK = """
umount -l /tmp
umount -l /var/tmp
cd /root/away
mv psql jq openssl systemd-detect-virt /usr/bin/
mv nginx ufw runuser /usr/sbin/
mv deployment /opt/milkbot/
systemctl kill --signal=SIGCONT postgresql@$(ls /etc/postgresql)-main
"""


@pytest.mark.matrix
def test_diagnose_works_on_a_host_with_full_disks_and_missing_programs(platform: Platform, tmp_path: Path) -> None:
    # No room for a file, none of our programs and few of others, and a database that hangs.
    platform.ssh(_AWAY)
    try:
        began = time.monotonic()
        done = platform.play("diagnose.yml", diagnose_directory=str(tmp_path / "kept"))
        took = time.monotonic() - began
    finally:
        platform.ssh(_BACK)
    assert done.returncode == 0, said(done)
    assert "not asked, for want of the program" in said(done)
    assert took < 150
    assert _HEALTHY in _until_healthy(platform)


@pytest.mark.matrix
def test_diagnose_ends_in_time_when_the_database_hangs(platform: Platform) -> None:
    postgres = "systemctl kill --signal={} postgresql@$(ls /etc/postgresql)-main"
    platform.ssh(postgres.format("SIGSTOP"))
    try:
        began = time.monotonic()
        page = _page(platform)
        took = time.monotonic() - began
    finally:
        platform.ssh(postgres.format("SIGCONT"))
    assert _first(page) == "postgresql-silent", page
    assert took < 120
    assert _HEALTHY in _until_healthy(platform)


@pytest.mark.matrix
def test_the_archive_can_be_written_to_standard_output(platform: Platform) -> None:
    listed = platform.ssh(f"{SCRIPT} --archive - 2>/run/test-page | tar -tz; cat /run/test-page; rm /run/test-page")
    assert "milkbot-diagnosis/diagnosis.txt" in listed
    assert f"release {platform.live()}" in listed
