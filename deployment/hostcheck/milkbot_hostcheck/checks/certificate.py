"""How long the certificate that nginx serves is good for, and whether the next one will come."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

from milkbot_hostcheck.asking import ask
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import RENEWAL
from milkbot_hostcheck.row import Row, by_limits, fail, ok, plain, unknown

_DAY = 86400.0
# As roles/nginx writes it; a certificate of the vault's has none.
SETTINGS = Path("/etc/milkbot/certificate.json")
FAILED = Path("/var/lib/milkbot-certificate/failed")
PROGRAM = "/opt/milkbot/deployment/scripts/certificate.py"
# By the source: what to do when its renewal fails.
_WHAT_TO_DO = {
    "origin": "renew it: nginx_certificate and its key in the vault, then site.yml --tags nginx",
    "letsencrypt": f"systemctl start certbot.service; journalctl -u certbot -n 50; {PROGRAM} ensure",
    "self-signed": f"{PROGRAM} ensure",
}


def source() -> str:
    """Where the certificate comes from."""
    try:
        return str(json.loads(SETTINGS.read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError):
        return "origin"


def rows(host: Host) -> Iterator[Row]:
    limits, file = host.settings.limits, f"/etc/ssl/certs/{host.settings.domain}.pem"
    name, mend = "certificate", _WHAT_TO_DO.get(source(), _WHAT_TO_DO["origin"])
    answer = ask(["openssl", "x509", "-noout", "-enddate", "-in", file], host.seconds)
    if answer.late or answer.not_run:
        yield unknown(name, answer.why(), f"openssl x509 -noout -enddate -in {file}")
        return
    if answer.code != 0:
        yield fail(name, f"{file} cannot be read: {answer.why()}", mend)
        return
    end = answer.output.strip().partition("=")[2]
    left = (ssl.cert_time_to_seconds(end) - host.now) / _DAY
    value = f"expired on {end}" if left <= 0 else f"{int(left)} days left, until {end}"
    # The shorter the time, the worse: turned around.
    turned = (-limits.certificate_warn_days, -limits.certificate_fail_days)
    limit = f"warns from {limits.certificate_warn_days:g} days, fails from {limits.certificate_fail_days:g}"
    yield by_limits(name, -left, turned, value, limit, mend)


def renewal(host: Host) -> Iterator[Row]:
    """Of a certificate that this host gets itself: the timer, its last run, and what was refused."""
    found, name, limit = source(), "certificate renewal", "the timer is active, and its last run succeeded"
    if (unit := RENEWAL.get(found)) is None:
        return
    timer, service = (host.facts.unit(f"{unit}.{kind}") for kind in ("timer", "service"))
    if not timer:
        yield unknown(name, host.facts.answer("units/properties").why(), f"systemctl status {unit}.timer")
        return
    if FAILED.exists():
        value = f"the new certificate was refused: {plain(FAILED.read_text(encoding='utf-8', errors='replace'))}"
    elif service.get("Result") != "success":
        value = f"{unit}.service failed: {service.get('Result')}"
    elif timer.get("ActiveState") != "active" or timer.get("UnitFileState") != "enabled":
        value = f"{unit}.timer is {timer.get('ActiveState')}, {timer.get('UnitFileState') or 'not installed'}"
        yield fail(name, value, f"systemctl enable --now {unit}.timer", limit)
        return
    else:
        yield ok(name, f"by {unit}.timer", limit)
        return
    yield fail(name, value, _WHAT_TO_DO[found], limit)
