"""What makes a machine this one: its name, address, keys and resolver (a provider's cloud-init)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from localvps import files, network, ssh
from localvps.errors import VpsError
from localvps.machine import LOGIN
from localvps.run import run

if TYPE_CHECKING:
    from localvps.config import Config
    from localvps.machine import Machine

# While it is not there, apt's own timers run and start nothing.
PACKAGE_WORK = "/run/local-vps-package-work"
_PACKAGE_SERVICES = ("apt-daily.service", "apt-daily-upgrade.service")
_NAMESERVER = re.compile(r"^nameserver\s+(\S+)", re.MULTILINE)


def resolver(etc: Path = Path("/etc"), runtime: Path = Path("/run")) -> str:
    """Return a resolv.conf that works behind the bridge; raises VpsError when the host has none.

    A resolver on the host's loopback is out of the machine's reach, so the file that systemd-resolved
    keeps for such readers is preferred.
    """
    for path in (runtime / "systemd/resolve/resolv.conf", etc / "resolv.conf"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            servers = [server for server in _NAMESERVER.findall(text) if not server.startswith(("127.", "::1"))]
            if servers:
                return "".join(f"nameserver {server}\n" for server in servers)
    raise VpsError("this host resolves names on its loopback only: name a resolver in /etc/resolv.conf")


def write(config: Config, machine: Machine, top: Path) -> None:
    """Write the machine's own files into an empty writable layer."""
    etc = top / "etc"
    files.write(etc / "hostname", f"{machine.hostname}\n")
    files.write(etc / "hosts", f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {machine.hostname}\n")
    files.write(etc / "machine-id", f"{machine.machine_id}\n", 0o444)
    files.write(etc / "resolv.conf", resolver())
    files.write(
        etc / "systemd/network/10-host0.network",
        # host0 in a container, en* by a kernel of its own.
        f"""[Match]
Name=host0 en*

[Link]
MTUBytes={network.mtu()}

[Network]
Address={machine.address}/{config.subnet.prefixlen}
Gateway={config.gateway}
IPv6AcceptRA=no
""",
    )
    for unit in _PACKAGE_SERVICES:
        files.write(
            etc / f"systemd/system/{unit}.d/local-vps.conf",
            f"# A test that wants package work makes this file; no other is disturbed by it.\n"
            f"[Unit]\nConditionPathExists={PACKAGE_WORK}\n",
        )
    for key in sorted(ssh.host_keys(machine)):
        mode = 0o644 if key.suffix == ".pub" else 0o600
        files.write(etc / "ssh" / key.name, key.read_text(encoding="utf-8"), mode)
    home = top / "home" / LOGIN
    files.write(home / ".ssh/authorized_keys", ssh.public_key(config), 0o600)
    home.chmod(0o700)
    (home / ".ssh").chmod(0o700)
    # Names and numbers are the image's, so its own programs set the owner.
    entry = _passwd(machine.image_path / "rootfs/etc/passwd", LOGIN)
    run(["chown", "--recursive", entry, home])


def _passwd(path: Path, login: str) -> str:
    """Return `uid:gid` of a login in a passwd file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == login:
            return f"{uid}:{gid}"
    raise VpsError(f"{path} has no login {login}: `bin/vps image remove` that image and build it again")
