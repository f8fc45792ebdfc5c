"""The secrets of a local machine, made once and kept: what an operator of a real one would bring."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from localvps import files, host, pki
from localvps.errors import say

if TYPE_CHECKING:
    import ipaddress
    from pathlib import Path

DOMAIN = "milkbot.test"  # RFC 6761: never a real domain
_PASSWORD_BYTES = 24


def generate(directory: Path, address: ipaddress.IPv4Address, variables: Path) -> None:
    """Make what is missing in the directory and write it as Ansible variables.

    An existing secret is never changed: the machine's database and the simulator know it.
    """
    host.require("openssl")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    kept = files.read_json(directory / "secrets.json")
    if kept is None:
        kept = {
            "postgres_password": secrets.token_urlsafe(_PASSWORD_BYTES),
            "kalshi_api_key_id": str(uuid.uuid4()),
        }
        files.write_json(directory / "secrets.json", kept, 0o600)
        say(f"secrets: made in {directory}")
    account = directory / "kalshi-key.pem"
    pki.rsa_key(account)
    tls = directory / "tls"
    tls.mkdir(exist_ok=True, mode=0o700)
    pki.ensure_ca(tls)
    pki.ensure_server(tls, DOMAIN, address)
    values = {
        "milkbot_domain": DOMAIN,
        "environment_postgres_password": kept["postgres_password"],
        "environment_kalshi_api_key_id": kept["kalshi_api_key_id"],
        "environment_kalshi_private_key": account.read_text(encoding="ascii"),
        "simulator_account_public_key": pki.public_key(account),
        "nginx_certificate": (tls / "server.pem").read_text(encoding="ascii"),
        "nginx_private_key": (tls / "server-key.pem").read_text(encoding="ascii"),
        # No DNS knows the name, and no browser the authority.
        "verify_address": str(address),
        "verify_ca_file": str((tls / "ca.pem").resolve()),
    }
    text = "---\n# Made by `bin/vps secrets`; not for git.\n" + "".join(_entry(*item) for item in values.items())
    if not variables.is_file() or variables.read_text(encoding="utf-8") != text:
        files.write(variables, text, 0o600)


def _entry(name: str, value: str) -> str:
    """One YAML line, or a literal block for a text of several lines."""
    if "\n" not in value:
        return f'{name}: "{value}"\n'
    block = "".join(f"  {line}\n" for line in value.splitlines())
    return f"{name}: |\n{block}"
