"""How long the certificate that nginx serves is good for."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from milkbot_health.asking import ask
from milkbot_health.host import Host
from milkbot_health.row import Row, by_limits, fail, unknown

_DAY = 86400.0


def rows(host: Host) -> Iterator[Row]:
    limits, file = host.settings.limits, f"/etc/ssl/certs/{host.settings.domain}.pem"
    name, mend = "certificate", "renew it: nginx_certificate and its key in the vault, then site.yml --tags nginx"
    answer = ask(["openssl", "x509", "-noout", "-enddate", "-in", file], host.seconds)
    if answer.late or answer.code == 127:
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
