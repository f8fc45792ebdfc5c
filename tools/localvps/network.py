"""The machines' network: one bridge, one nft table that masquerades, and forwarding.

It stands while a machine runs and leaves nothing when the last one has stopped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from localvps import forwarding, host
from localvps.errors import VpsError, say
from localvps.run import run, succeeds

if TYPE_CHECKING:
    import ipaddress

    from localvps.config import Config

_INTERFACES = Path("/sys/class/net")
_DEFAULT_MTU = 1500


def label(config: Config, address: ipaddress.IPv4Address) -> str:
    """Short unique name of a machine; systemd-nspawn names the host's end of its cable after it."""
    return f"{config.bridge}-{int(address) - int(config.subnet.network_address)}"


def cable(config: Config, address: ipaddress.IPv4Address) -> Path:
    """The host's end of a machine's cable."""
    return _INTERFACES / f"vb-{label(config, address)}"


def mtu() -> int:
    """MTU of the way out, so that a machine's packets never have to be cut."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "default"]) or "[]")
    for route in routes:
        path = _INTERFACES / route["dev"] / "mtu"
        if path.is_file():
            return int(path.read_text(encoding="ascii"))
    return _DEFAULT_MTU


def up(config: Config) -> None:
    """Make bridge, masquerading and forwarding; does nothing when they stand."""
    host.require("ip", "nft")
    if not (_INTERFACES / config.bridge).exists():
        _refuse_taken_subnet(config)
        # A bridge without an address of its own takes the lowest of its ports', and changes it as machines come and
        # go: then connections stall until the others have noticed. 02 marks an address that no maker gave.
        address = "02:4d:" + ":".join(f"{byte:02x}" for byte in config.gateway.packed)
        run(["ip", "link", "add", config.bridge, "address", address, "type", "bridge"])
    run(["ip", "address", "replace", f"{config.gateway}/{config.subnet.prefixlen}", "dev", config.bridge])
    run(["ip", "link", "set", config.bridge, "up"])
    # One transaction: the table is never seen half made.
    table = f"ip vps_{config.bridge}"
    rules = f"""table {table}
delete table {table}
table {table} {{
  chain out {{
    type nat hook postrouting priority srcnat
    ip saddr {config.subnet} ip daddr != {config.subnet} masquerade
  }}
}}
"""
    run(["nft", "-f", "-"], stdin=rules)
    forwarding.take(config.bridge)
    _warn_of_forward_filter()


def _refuse_taken_subnet(config: Config) -> None:
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "root", str(config.subnet)]) or "[]"):
        raise VpsError(
            f"{config.subnet} is in use on this host (route {route['dst']} by {route.get('dev')}):"
            " set MILKBOT_VPS_SUBNET to a free network"
        )


def _warn_of_forward_filter() -> None:
    """Report another program's firewall: an accept of ours cannot outvote its drop."""
    for item in json.loads(run(["nft", "-json", "list", "chains"]))["nftables"]:
        chain = item.get("chain", {})
        if chain.get("hook") == "forward" and chain.get("policy") == "drop":
            where = f"{chain['family']} {chain['table']} {chain['name']}"
            say(f"warning: this host's firewall drops forwarded packets (nft chain {where}); allow them there")


def down(config: Config) -> None:
    """Take the network away and put the forwarding switch back; does nothing when it is gone."""
    table = f"vps_{config.bridge}"
    if succeeds(["nft", "list", "table", "ip", table]):
        run(["nft", "delete", "table", "ip", table])
    if (_INTERFACES / config.bridge).exists():
        run(["ip", "link", "delete", config.bridge])
    forwarding.release(config.bridge)


def unplug(config: Config, address: ipaddress.IPv4Address) -> None:
    """Remove a cable that outlived its machine."""
    path = cable(config, address)
    if path.exists() and not succeeds(["ip", "link", "delete", path.name]) and path.exists():
        raise VpsError(f"interface {path.name} cannot be removed: `ip link delete {path.name}`")
