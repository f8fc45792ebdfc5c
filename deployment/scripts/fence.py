#!/usr/bin/env python3
"""The fence around the services: `open` says where the trader may connect to, `check` tries it from inside each unit.

`fence.py open` looks up the hosts of the settings' `open`, which are addresses of services, and the name servers, and
adds them to the kernel's table. `fence.py check` prints the rows that verify.yml shows: what each unit of the settings'
`reaches` has to reach, an address with its port or a socket. None may reach a listener of the check's own.
Exit codes: 0 as it should be · 1 a name was not found, or it could not be done · 2 a row fails, or wrong usage
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

SETTINGS = Path("/etc/milkbot/fence.json")
TABLE = "inet milkbot_fence"
# What of a unit bounds where it connects to.
PROPERTIES = (
    "User",
    "Group",
    "PrivateNetwork",
    "PrivateUsers",
    "RestrictAddressFamilies",
    "IPAddressDeny",
    "IPAddressAllow",
)
_SECONDS = 5
# Run in the sandbox: one target an argument, and for each in its own line why it was not reached.
_PROBE = f"""
import socket, sys
for target in sys.argv[1:]:
    try:
        if target.startswith("/"):
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout({_SECONDS})
                one.connect(target)
        else:
            host, _, port = target.rpartition(":")
            socket.create_connection((host, int(port)), {_SECONDS}).close()
        print("reached")
    except OSError as error:
        print(error)
"""


class FenceError(Exception):
    """It could not be found out, or done; the message says why."""


def run(*command: str, given: str = "") -> str:
    """Standard output of a command. Raises FenceError."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, check=False, capture_output=True, text=True, input=given, env=environment, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FenceError(f"{command[0]}: {error}") from None
    if done.returncode != 0:
        raise FenceError(f"{command[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def elements(urls: list[str], resolv_conf: str) -> tuple[dict[str, list[str]], list[str]]:
    """Elements of each set of the table, and what was not found."""
    found: dict[str, list[str]] = {"servers4": [], "servers6": [], "resolvers4": [], "resolvers6": []}
    missing = []
    for url in urls:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
        try:
            answers = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except OSError as error:
            missing.append(f"{parts.hostname}: {error}")
            continue
        for family, *_, address in answers:
            found["servers6" if family == socket.AF_INET6 else "servers4"].append(f"{address[0]} . {port}")
    for name_server in re.findall(r"^\s*nameserver\s+([0-9A-Fa-f.:]+)", resolv_conf, re.MULTILINE):
        found["resolvers6" if ":" in name_server else "resolvers4"].append(name_server)
    return {name: sorted(set(values)) for name, values in found.items()}, missing


def open_for_trader(urls: list[str]) -> int:
    """Let the trader come to what the addresses mean now. One that was added before remains for its day."""
    resolv_conf = Path("/etc/resolv.conf")
    found, missing = elements(urls, resolv_conf.read_text("utf-8") if resolv_conf.exists() else "")
    # Deleted first where it is there: adding alone does not begin its day anew.
    lines = []
    for name, values in found.items():
        for value in values:
            lines += [f"add element {TABLE} {name} {{ {value} }}", f"delete element {TABLE} {name} {{ {value} }}"]
            lines.append(f"add element {TABLE} {name} {{ {value} }}")
    run("nft", "--file", "-", given="\n".join(lines) + "\n")
    for line in missing:
        print(f"fence: {line}; what was found for it within a day is still open", file=sys.stderr)
    return 1 if missing else 0


def from_inside(unit: str, targets: list[str]) -> list[str]:
    """For each target, seen from the unit's sandbox: `reached`, or why not."""
    said = run("systemctl", "show", *(f"--property={name}" for name in PROPERTIES), unit)
    known = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if not known.get("User"):
        raise FenceError(f"{unit} is not there, or runs as root")
    given = [f"--property={name}={value}" for name, value in known.items() if value]
    command = ("systemd-run", "--quiet", "--wait", "--collect", "--pipe", *given)
    return run(*command, sys.executable, "-I", "-c", _PROBE, *targets).splitlines()


def own_address() -> str:
    """An address of this host that is not the loopback's, where it has one. Nothing is sent."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        try:
            asking.connect(("192.0.2.1", 9))
            return str(asking.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def rows(targets: dict[str, str]) -> Iterator[dict[str, str]]:
    """One for each unit."""
    remedy = "site.yml --tags fence,systemd; then nft list table inet milkbot_fence"
    with closing(socket.create_server((own_address(), 0))) as listening:
        foreign = "{}:{}".format(*listening.getsockname()[:2])
        socket.create_connection(listening.getsockname(), _SECONDS).close()
        for unit, wanted in targets.items():
            row = {"state": "fail", "name": f"fence of {unit}", "remedy": remedy}
            try:
                reached, refused = from_inside(f"{unit}.service", [wanted, foreign])
            except (FenceError, ValueError) as error:
                yield {**row, "state": "unknown", "value": str(error)}
                continue
            if refused == "reached":
                yield {**row, "value": f"it reached {foreign}, which it must not"}
            elif reached != "reached":
                yield {**row, "value": f"it did not reach {wanted}: {reached}"}
            else:
                yield {**row, "state": "ok", "value": f"reaches {wanted}; elsewhere: {refused}", "remedy": ""}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("verb", choices=["open", "check"])
    verb = parser.parse_args().verb
    try:
        settings = json.loads(SETTINGS.read_text("utf-8"))
        if verb == "open":
            return open_for_trader(settings["open"])
        found = list(rows(settings["reaches"]))
    except (FenceError, OSError, ValueError) as error:
        print(f"fence.py: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"rows": found}))
    return 0 if all(row["state"] == "ok" for row in found) else 2


if __name__ == "__main__":
    sys.exit(main())
