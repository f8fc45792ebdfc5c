"""Keys, known hosts and the client configuration that `ssh -F` and Ansible use."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from localvps import files, host
from localvps import machine as machines
from localvps.run import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from localvps.config import Config
    from localvps.machine import Machine


def key_path(config: Config) -> Path:
    return config.ssh_dir / "id_ed25519"


def known_hosts_path(config: Config) -> Path:
    return config.ssh_dir / "known_hosts"


def config_path(config: Config) -> Path:
    return config.ssh_dir / "config"


def ensure_key(config: Config) -> None:
    """Make the client's key once; it belongs to the user who called sudo, else to root."""
    host.require("ssh", "ssh-keygen")
    key = key_path(config)
    with files.lock(config.locks_dir / "ssh", "the ssh key"):
        if not key.is_file():
            config.ssh_dir.mkdir(parents=True, exist_ok=True)
            key.with_suffix(".pub").unlink(missing_ok=True)
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "milkbot-local-vps", "-f", key])
    owner = int(os.environ.get("SUDO_UID", "0"))
    if owner and key.stat().st_uid != owner:
        os.chown(key, owner, -1)


def public_key(config: Config) -> str:
    return key_path(config).with_suffix(".pub").read_text(encoding="utf-8")


def make_host_keys(machine: Machine) -> None:
    """Make a machine's own host key; it remains the same through resets."""
    directory = machine.directory / "host-keys"
    directory.mkdir(mode=0o700)
    name = directory / "ssh_host_ed25519_key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", machine.hostname, "-f", name])


def host_keys(machine: Machine) -> list[Path]:
    return list((machine.directory / "host-keys").iterdir())


def write_client_files(config: Config) -> None:
    """Write known_hosts and the client configuration for the machines there are."""
    known, hosts = [], []
    for machine in machines.everyone(config):
        for key in host_keys(machine):
            if key.suffix == ".pub":
                kind, text, *_ = key.read_text(encoding="utf-8").split()
                known.append(f"{machine.address} {kind} {text}\n")
        hosts.append(f"Host {machine.name} {machine.hostname} {machine.address}\n  HostName {machine.address}\n")
    common = f"""Host *
  User {machines.LOGIN}
  Port {machines.SSH_PORT}
  IdentityFile {key_path(config)}
  IdentitiesOnly yes
  StrictHostKeyChecking yes
  UserKnownHostsFile {known_hosts_path(config)}
  ConnectTimeout 5
  ServerAliveInterval 15
"""
    files.write(known_hosts_path(config), "".join(known))
    files.write(config_path(config), "".join(hosts) + common)


def command(config: Config, machine: Machine, *options: str) -> list[str]:
    """Return the ssh command line up to and with the host."""
    return ["ssh", "-F", str(config_path(config)), *options, machine.name]


def as_root(config: Config, machine: Machine, words: Sequence[str], *, terminal: bool) -> int:
    """Run a command (none: a login shell) as root on a machine; returns its exit code.

    As with ssh itself the words are joined by blanks and read by the shell over there.
    """
    options = ["-t"] if terminal else []
    remote = f"sudo -- bash -c {shlex.quote('cd; ' + ' '.join(words))}" if words else "sudo --login"
    return subprocess.run([*command(config, machine, *options), remote], check=False).returncode
