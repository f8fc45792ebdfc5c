"""The way out, names, and the firewall."""

from __future__ import annotations

import re

from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import Diagnosis, judge

_UFW = "ansible-playbook -i INVENTORY site.yml --tags ufw"
_LOOPBACK = re.compile(r"\s(?:localhost|127\.\S+|::1):")


@judge()
def no_route(collection: Collection) -> Diagnosis | None:
    if (
        collection.code("network/routes") != 0
        or collection.lines("network/routes", r"^default ")
        or collection.lines("network/routes-6", r"^default ")
    ):
        return None
    return Diagnosis(
        "no-route",
        "This host has no way to the network",
        ("ip route: no default route",),
        "its interface is down, or its configuration was changed",
        ("ip address; ip route", "systemctl restart systemd-networkd networking 2>/dev/null; ip route"),
        serious=bool(_away(collection)),
    )


def _away(collection: Collection) -> list[str]:
    """The lines about services that are not on this host."""
    return [line for line in collection.text("network/reach").splitlines() if not _LOOPBACK.search(line)]


@judge("no-route")
def names_fail(collection: Collection) -> Diagnosis | None:
    said = [line for line in _away(collection) if "does not resolve" in line]
    if not said:
        return None
    servers = collection.lines("config/etc/resolv.conf", r"^\s*nameserver")
    return Diagnosis(
        "names-fail",
        "Names of the internet do not resolve",
        (*said[:2], f"/etc/resolv.conf: {', '.join(servers) or 'names no server'}"),
        "the name server does not answer, or no packet leaves this host" if servers else "no name server is configured",
        (
            "cat /etc/resolv.conf; ip route; getent hosts api.weather.gov",
            "systemctl restart systemd-resolved   # where it is what answers",
        ),
    )


@judge("no-route", "names-fail")
def unreachable(collection: Collection) -> Diagnosis | None:
    said = [line for line in _away(collection) if "no connection to port" in line]
    if not said:
        return None
    closed = collection.lines("network/firewall", r"^Default:.*deny \(outgoing\)")
    return Diagnosis(
        "unreachable",
        "What trading needs cannot be reached",
        (*said[:2], *closed),
        "the firewall lets nothing out" if closed else "the other side is down, or the provider's network is",
        ("ufw default allow outgoing",)
        if closed
        else (
            "curl -sv https://api.weather.gov/ -o /dev/null",
            "wait: the trader sends nothing meanwhile, and goes on by itself",
        ),
    )


@judge()
def firewall(collection: Collection) -> Diagnosis | None:
    text = collection.text("network/firewall")
    if collection.code("network/firewall") != 0:
        return None
    if "Status: inactive" in text:
        return Diagnosis(
            "firewall-off",
            "The firewall is off",
            ("ufw: Status: inactive",),
            "somebody turned it off, or a run of site.yml could not come back through it",
            (_UFW,),
        )
    if "Status: active" not in text:
        return None
    open_ports = {int(port) for port in re.findall(r"^(\d+)(?:/tcp)?(?: \(v6\))?\s+ALLOW", text, re.MULTILINE)}
    open_ports |= {
        int(port) for ports in re.findall(r"^([\d,]+)/tcp\s+ALLOW", text, re.MULTILINE) for port in ports.split(",")
    }
    if re.search(r"^(?:Nginx|WWW|Apache) Full\s+ALLOW", text, re.MULTILINE):
        open_ports |= {80, 443}
    shut = [str(port) for port in (80, 443) if port not in open_ports]
    shut += re.findall(r"^(80|443)(?:/tcp)?\s+(?:DENY|REJECT)", text, re.MULTILINE)
    if not shut or "Default: allow (incoming)" in text:
        return None
    return Diagnosis(
        "firewall-closed",
        f"The firewall lets nobody in on port {' and '.join(dict.fromkeys(shut))}",
        tuple(line.strip() for line in collection.lines("network/firewall", r"^(?:Default|80|443)")[:4])
        or ("ufw status: no rule for it",),
        "its rule was removed",
        (_UFW, f"ufw allow {shut[0]}/tcp"),
    )
