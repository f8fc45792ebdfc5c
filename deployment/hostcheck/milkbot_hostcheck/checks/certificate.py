"""Whether the certificate that nginx serves is one, for how long, and whether the next one will come."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import RENEWAL
from milkbot_hostcheck.row import Row, State, by_limits, fail, ok, plain, unknown

_NAME, _DAY = "certificate", 86400.0
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
    answer, pairs = host.facts.answer("nginx/certificates"), host.facts.rows("nginx/certificates")
    if not pairs:
        yield unknown(_NAME, answer.why(), "ls -l /etc/nginx/sites-available/milkbot.conf; openssl version")
        return
    remedy = _WHAT_TO_DO.get(source(), _WHAT_TO_DO["origin"])
    # The first that is at fault, else the first.
    judged = [_judged(host, pair, remedy) for pair in pairs]
    yield max(judged, key=lambda row: list(State).index(row.state))


def _judged(host: Host, pair: dict[str, Any], remedy: str) -> Row:
    path, key, details = str(pair["certificate"]), str(pair["key"]), str(pair.get("details", ""))
    for missing, readable, file in (("certificate_missing", "readable", path), ("key_missing", "key_readable", key)):
        if pair.get(missing) or not pair.get(readable):
            why = "No such file" if pair.get(missing) else "cannot be read as PEM"
            return fail(_NAME, f"{file}: {why}", remedy, cause="certificate-missing")
    begins, ends = date(details, "notBefore"), date(details, "notAfter")
    limits = host.settings.limits
    limit = f"warns from {limits.certificate_warn_days:g} days, fails from {limits.certificate_fail_days:g}"
    if ends <= host.now:
        return fail(_NAME, f"expired on {_words(details, 'notAfter')}", remedy, limit, "certificate-expired")
    if host.now < begins:
        value = f"not valid before {_words(details, 'notBefore')}"
        return fail(_NAME, value, f"date -u: is the clock right? {remedy}", limit, "certificate-too-young")
    if pair.get("fits") is False:
        value = f"the public key of {path} is not that of {key}"
        return fail(_NAME, value, remedy, limit, "certificate-key-mismatch")
    names = re.findall(r"DNS:([\w.*-]+)", details)
    other = [domain for domain in pair.get("domains", []) if names and not any(_covers(name, domain) for name in names)]
    if other:
        value = f"is not for {other[0]}, but for {', '.join(names[:4])}"
        return fail(_NAME, plain(value), remedy, limit, "certificate-of-another")
    left = (ends - host.now) / _DAY
    value = f"{int(left)} days left, until {_words(details, 'notAfter')}"
    # The shorter the time, the worse: turned around.
    turned = (-limits.certificate_warn_days, -limits.certificate_fail_days)
    return by_limits(_NAME, -left, turned, value, limit, remedy, "certificate-ends-soon")


def date(details: str, name: str) -> float:
    """The date of that name in what openssl printed, in seconds of the epoch."""
    return float(ssl.cert_time_to_seconds(_words(details, name)))


def _words(details: str, name: str) -> str:
    found = re.search(rf"^{name}=(.+)$", details, re.MULTILINE)
    if found is None:
        raise ValueError(f"openssl printed no {name}")
    return found[1].strip()


def _covers(name: str, domain: str) -> bool:
    return name == domain or (name.startswith("*.") and domain.partition(".")[2] == name[2:])


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
