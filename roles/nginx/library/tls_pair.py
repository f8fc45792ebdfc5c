"""Ansible module: another certificate and its key, served without closing a connection."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_certificate import der, served, write

DOCUMENTATION = r"""
module: tls_pair
short_description: Replace the certificate and its key, and prove that the new one is served
description:
  - Both files are replaced, nginx judges them, and is reloaded. When it refuses them both are as they were, and the old
    certificate goes on being served. Changed also when the files are right, and another certificate is served.
options:
  certificate_file: {description: Where the certificate with its chain goes., type: path, required: true}
  key_file: {description: Where the private key goes., type: path, required: true}
  certificate: {description: "The certificate with its chain, in PEM.", type: str, required: true}
  private_key: {description: "The private key, in PEM.", type: str, required: true}
  domain: {description: The name under which it is served., type: str, required: true}
  wait: {description: Seconds for it to be served., type: int, default: 20}
"""


class PairError(Exception):
    """The old pair remains; the message says why."""


def put(pair: dict[Path, tuple[str, int]]) -> None:
    for path, (text, mode) in pair.items():
        write(path, text, mode)


def run(*command: str) -> str:
    """What it complained of; empty when it succeeded."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    return "" if done.returncode == 0 else done.stderr.strip() or f"{command[0]} left with {done.returncode}"


def go_live(pair: dict[Path, tuple[str, int]], wanted: bytes, domain: str, seconds: int) -> None:
    """Raises PairError; where nginx refuses the pair, the files are as they were."""
    before = {path: (path.read_text(encoding="utf-8"), mode) for path, (_, mode) in pair.items() if path.exists()}
    put(pair)
    if refusal := run("nginx", "-t", "-q"):
        put(before)
        raise PairError(f"nginx refuses the new certificate, and the old one remains in use: {refusal}")
    if complaint := run("systemctl", "reload", "nginx.service"):
        raise PairError(f"nginx was not reloaded: {complaint}; see journalctl -u nginx")
    deadline = time.monotonic() + seconds
    while served(domain) != wanted:
        if time.monotonic() >= deadline:
            raise PairError(
                f"nginx does not serve the new certificate after {seconds} seconds; see journalctl -u nginx"
            )
        time.sleep(0.2)


def main() -> None:
    module = AnsibleModule(
        {
            "certificate_file": {"type": "path", "required": True},
            "key_file": {"type": "path", "required": True},
            "certificate": {"type": "str", "required": True},
            "private_key": {"type": "str", "required": True, "no_log": True},
            "domain": {"type": "str", "required": True},
            "wait": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    pair = {
        Path(asked["certificate_file"]): (asked["certificate"].strip() + "\n", 0o644),
        Path(asked["key_file"]): (asked["private_key"].strip() + "\n", 0o600),
    }
    wanted = der(asked["certificate"])
    same = all(path.exists() and path.read_text(encoding="utf-8") == text for path, (text, _) in pair.items())
    due = not same or served(asked["domain"]) != wanted
    if due and not module.check_mode:
        try:
            go_live(pair, wanted, asked["domain"], asked["wait"])
        except PairError as error:
            module.fail_json(msg=str(error))
    module.exit_json(changed=due)


if __name__ == "__main__":
    main()
