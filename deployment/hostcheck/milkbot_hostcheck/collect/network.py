"""Ports, routes, names, the firewall."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import CANNOT_RUN, NOT_FOUND, Ask, Look, Question, run
from milkbot_hostcheck.collection import parse_settings

_APART = "mount -t tmpfs none /run && exec ufw status verbose"
_UFW = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _APART]


def questions() -> list[Question]:
    return [
        Look("network/reach", _reach, 30),
        Ask("network/listening", ["ss", "-Htulpn"]),
        Ask("network/connections", ["ss", "-s"]),
        Ask("network/addresses", ["ip", "address"]),
        Ask("network/routes", ["ip", "route"]),
        Ask("network/routes-6", ["ip", "-6", "route"]),
        # It makes a lock file even to show: here in a view of its own.
        Ask("network/firewall", _UFW, 15),
        Ask("network/rules", ["nft", "list", "ruleset"]),
        Ask("network/tables", ["iptables-save"]),
    ]


def _reach() -> str:
    """A line for each service out there: whether its name resolves and a connection opens. Nothing is sent."""
    settings = dict(parse_settings(paths.ENV_FILE.read_text("utf-8", "replace")))
    lines = []
    for name in ("KALSHI_API_BASE", "NWS_API_BASE"):
        address = urlsplit(settings.get(name, ""))
        host = address.hostname
        if not host:
            continue
        # A program of its own: a resolver in this process cannot be stopped.
        found = run(Ask("", ["getent", "ahosts", host], 8))
        if found.code in (CANNOT_RUN, NOT_FOUND):
            lines.append(f"{name} {host}: {found.text.strip()}")
            continue
        if found.code != 0:
            lines.append(f"{name} {host}: the name does not resolve")
            continue
        lines.append(f"{name} {host}: {_connects(host, address.port or (443 if address.scheme == 'https' else 80))}")
    return "\n".join(lines) + "\n"


def _connects(host: str, port: int) -> str:
    began = time.monotonic()
    try:
        with closing(socket.create_connection((host, port), timeout=5)):
            return f"connects to port {port} in {time.monotonic() - began:.2f} s"
    except OSError as error:
        return f"no connection to port {port}: {error}"
