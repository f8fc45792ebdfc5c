"""Further machines for tests: one to lose the platform to, and one that keeps what leaves it."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from tests.deploy.platform import ROOT, Platform, run

VPS = str(ROOT / "bin/vps")

# A store as an operator would have it: an account of its own that may use sftp and nothing else.
STORE = """
set -e
useradd --create-home --home-dir /srv/store --shell /usr/sbin/nologin store
mkdir -p /srv/store/.ssh /srv/store/milkbot
ssh-keygen -q -t ed25519 -N '' -f /root/store-key
{ printf 'restrict,command="internal-sftp" '; cat /root/store-key.pub; } >/srv/store/.ssh/authorized_keys
chown -R store: /srv/store
printf 'Match User store\\n    ForceCommand internal-sftp\\n' >/etc/ssh/sshd_config.d/store.conf
systemctl reload ssh
"""
_CONFIG = """
[store]
type = sftp
host = {address}
user = store
key_pem = {key}
known_hosts_file = /etc/milkbot/backup-known-hosts
"""


@contextlib.contextmanager
def machine(name: str) -> Iterator[str]:
    """A fresh machine for as long as that is; yields its address."""
    subprocess.run([VPS, "destroy", name], check=False, capture_output=True)
    run(VPS, "create", name, "--start")
    try:
        yield run(VPS, "show", name, "--field", "address")
    finally:
        subprocess.run([VPS, "destroy", name], check=False, capture_output=True)


@contextlib.contextmanager
def store_machine(name: str) -> Iterator[dict[str, Any]]:
    """A machine that keeps backups; yields the variables by which another one reaches it."""
    with machine(name) as address:
        run(VPS, "ssh", name, STORE)
        key = run(VPS, "ssh", name, "cat /root/store-key")
        yield {
            "backup_offsite_enabled": True,
            "backup_offsite_target": "store:milkbot",
            "backup_offsite_config_secret": _CONFIG.format(address=address, key=key.replace("\n", "\\n")),
            "backup_offsite_known_hosts": run("ssh-keyscan", "-t", "ed25519", address),
        }


def like(platform: Platform, name: str, address: str, directory: Path) -> Platform:
    """Another machine under the platform's own inventory: its secrets, its domain, its settings."""
    inventory = yaml.safe_load(platform.inventory.read_text(encoding="utf-8"))
    (host,) = inventory["milkbot"]["hosts"].values()
    inventory["milkbot"]["hosts"] = {name: host | {"ansible_host": address}}
    path = directory / "hosts.yml"
    path.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    (directory / "group_vars").symlink_to(platform.inventory.parent / "group_vars")
    return replace(platform, machine=name, address=address, inventory=path)


def copy(source: Platform, path: str, target: Platform) -> None:
    """Bring a directory from one machine to the same place of another, where it is root's."""
    reading = [VPS, "ssh", source.machine, f"tar --create --gzip --file=- --directory=/ {shlex.quote(path[1:])}"]
    packed = subprocess.run(reading, check=True, capture_output=True).stdout
    writing = [VPS, "ssh", target.machine, "tar --extract --gzip --no-same-owner --file=- --directory=/"]
    subprocess.run(writing, check=True, input=packed)
