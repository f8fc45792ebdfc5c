"""Programs that nobody here wrote judge the machine by effect; tests/auditors.toml says what they may find, and why."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests import auditors
from tests.deploy.platform import Platform
from tests.deploy.running import reachable

# Unpacked and not installed: its own presence would be a change of the machine. The certificates have a row of the
# health check, and lynis reads every one of the system's authorities for a minute.
_LYNIS = """
set -e
export LC_ALL=C.UTF-8
rm -rf /root/lynis && mkdir -p /root/lynis/usr/share/lynis/plugins && cd /root/lynis
apt-get -qq download lynis 2>&1 && dpkg -x lynis_*.deb .
cd usr/share/lynis
{ cat /root/lynis/etc/lynis/default.prf; echo skip-test=CRYP-7902; } >default.prf
bash ../../sbin/lynis audit system --quick --quiet --no-colors --plugindir "$PWD/plugins" \
    --log-file /root/lynis/log --report-file /root/lynis/report >/dev/null 2>&1 || true
cat /root/lynis/report
"""


def test_ssh_audit_finds_nothing_to_warn_of(platform: Platform) -> None:
    command = ["ssh-audit", "--json", "--skip-rate-test", platform.address]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    # OpenSSH 9.8 and later keeps an address out for a while that connects and never logs in.
    reachable(platform)
    report = json.loads(done.stdout)
    offered = [(kind, one) for kind in ("kex", "key", "enc", "mac") for one in report[kind]]
    assert {kind for kind, _ in offered} == {"kex", "key", "enc", "mac"}
    found = [
        f"{kind} {one['algorithm']}: {why}"
        for kind, one in offered
        for level in ("fail", "warn")
        for why in one["notes"].get(level, [])
    ]
    assert auditors.thresholds("ssh-audit").unjudged([*found, *(cve["name"] for cve in report["cves"])]) == []


def test_lynis_finds_a_hardened_host_and_nothing_that_is_not_judged(platform: Platform) -> None:
    report = platform.ssh(_LYNIS)
    allowed = auditors.thresholds("lynis")
    found = [
        " ".join(word for word in line.split("|")[:3] if word not in ("", "-"))
        for line in re.findall(r"^(?:suggestion|warning)\[\]=(.*)$", report, re.MULTILINE)
    ]
    index = re.search(r"^hardening_index=(\d+)$", report, re.MULTILINE)
    assert index
    print(f"lynis: index {index[1]}")
    assert (allowed.unjudged(found), int(index[1]) >= allowed.limits["minimum"]) == ([], True)


def test_nmap_finds_three_open_ports_of_all(platform: Platform) -> None:
    # The firewall drops what it does not let in: it is asked fast, and twice.
    options = ("-Pn", "-n", "-p-", "--open", "--min-rate=4000", "--max-retries=2", "-oX", "-")
    done = subprocess.run(["nmap", *options, platform.address], check=True, capture_output=True, text=True)
    ports = [port.get("portid") for port in ET.fromstring(done.stdout).iter("port")]
    assert ports == ["22", "80", "443"]


def test_gixy_finds_nothing_in_what_nginx_runs_that_is_not_judged(platform: Platform, tmp_path: Path) -> None:
    dump = tmp_path / "nginx.conf"
    dump.write_text(platform.ssh("nginx -T 2>/dev/null"), "utf-8")
    done = subprocess.run(["gixy", "--format=json", dump], check=False, capture_output=True, text=True)
    # A part of Debian's own file has the dump's name.
    found = [
        f"{one['plugin']} {'milkbot' if 'milkbot' in Path(one['file']).name else 'debian'}: {one['summary']}"
        for one in json.loads(done.stdout)
    ]
    assert auditors.thresholds("gixy").unjudged(found) == []


@pytest.mark.matrix
def test_testssl_finds_nothing_above_low_that_is_not_judged(platform: Platform, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    place = (f"--ip={platform.address}", f"--add-ca={platform.authority}", "--jsonfile", report)
    options = ("--quiet", "--warnings=off", "--color=0", "--fast")
    domain = platform.ssh("sed -n 's/^DOMAIN=//p' /etc/milkbot/health.env").strip()
    subprocess.run(["testssl", *options, *place, f"https://{domain}:443"], check=False, stdout=subprocess.DEVNULL)
    rows = json.loads(report.read_text("utf-8"))
    # It came to the end of each of its parts.
    assert {"TLS1_3", "cert_expirationStatus", "HSTS_time", "heartbleed", "BREACH"} <= {row["id"] for row in rows}
    bad = [row["id"] for row in rows if row["severity"] in {"MEDIUM", "HIGH", "CRITICAL"}]
    assert auditors.thresholds("testssl").unjudged(bad) == []
