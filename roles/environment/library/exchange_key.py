"""Ansible module: another key for the exchange, tried there before it goes live."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: exchange_key
short_description: Replace the exchange's key, after the exchange has taken the new one
description:
  - The new key signs a request of the release's own (C(milkbot doctor) reads the account's balance) from a private
    directory in memory. One that the exchange does not take is refused, and the old one remains. Check mode tries too.
  - The key's file and its id in the settings change so that at any moment the settings name a key and the id that
    belongs to it, also after a kill.
  - At the end the old key is tried, which has to be deleted at the exchange.
options:
  env_file: {description: The file of the settings., type: path, required: true}
  rendered: {description: "That file as it shall be; two lines are taken from it.", type: str, required: true}
  key_file: {description: The file of the private key., type: path, required: true}
  private_key: {description: The private key in PEM; an empty one changes nothing., type: str, required: true}
  user: {description: "The system user who owns the settings, and tries the key.", type: str, required: true}
  key_user: {description: "The system user, and group, who own the key.", type: str, required: true}
  program: {description: The milkbot command of the release that runs., type: path, required: true}
  directory: {description: A private place in memory., type: path, default: /run/milkbot-exchange-key}
"""

RETURN = r"""
old: {description: "What the exchange says of the old key, in words.", returned: changed, type: str}
"""

_ID, _PATH = "KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH"
_KEY_MODE = 0o440
_PATIENCE = 180


class RotationError(Exception):
    """The key was not replaced; the message says why, and never holds one."""


def line_of(text: str, variable: str) -> str:
    match = re.search(rf"^{variable}=.*$", text, re.MULTILINE)
    return match[0] if match else ""


def with_line(text: str, variable: str, line: str) -> str:
    if line_of(text, variable):
        return re.sub(rf"^{variable}=.*$", lambda _: line, text, flags=re.MULTILINE)
    return f"{text.rstrip()}\n{line}\n"


@dataclass(frozen=True)
class Pair:
    """A key and the settings that name it."""

    settings: str
    key: str


@dataclass(frozen=True)
class Files:
    """Where a pair stands, who may read it, and who tries it."""

    env: Path
    key: Path
    user: str
    key_user: str
    program: str
    directory: Path

    def write(self, path: Path, text: str, mode: int, owner_name: str) -> None:
        """By a rename, on the disk, for that user."""
        owner = pwd.getpwnam(owner_name)
        temporary = path.with_name(f"{path.name}.writing")
        temporary.unlink(missing_ok=True)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as writing:
            os.fchown(file, owner.pw_uid, owner.pw_gid)
            os.fchmod(file, mode)
            writing.write(text)
            writing.flush()
            os.fsync(file)
        temporary.replace(path)

    def verdict(self, pair: Pair) -> str:
        """Empty when the exchange takes the key, else what it says."""
        owner = pwd.getpwnam(self.user)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(mode=0o700)
        os.chown(self.directory, owner.pw_uid, owner.pw_gid)
        env, key = self.directory / "env", self.directory / "key.pem"
        try:
            self.write(key, pair.key, 0o400, self.user)
            self.write(env, with_line(pair.settings, _PATH, f"{_PATH}={key}"), 0o400, self.user)
            done = subprocess.run(  # noqa: S603 - our own words
                ["runuser", "-u", self.user, "--", "env", f"MILKBOT_ENV_FILE={env}", self.program, "doctor", "--json"],  # noqa: S607
                check=False,
                capture_output=True,
                text=True,
                cwd="/",
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {_PATIENCE} seconds"
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
        return read_verdict(done.stdout, done.stderr)

    def go_live(self, new: Pair) -> None:
        """Step by step; after each the settings name a key and its own id."""
        next_key = self.key.with_name(f"{self.key.name}.next")
        self.write(next_key, new.key, _KEY_MODE, self.key_user)
        self.write(self.env, with_line(new.settings, _PATH, f"{_PATH}={next_key}"), 0o600, self.user)
        self.write(self.key, new.key, _KEY_MODE, self.key_user)
        self.write(self.env, new.settings, 0o600, self.user)
        next_key.unlink()


def read_verdict(out: str, err: str) -> str:
    """Empty when the account could be read."""
    try:
        rows = {row["check"]: row for row in json.loads(out)}
    except (ValueError, TypeError, KeyError):
        return " ".join(err.split()) or "milkbot doctor said nothing"
    if rows.get("account", {}).get("verdict") == "ok":
        return ""
    return str(rows.get("exchange", {}).get("detail") or "the account was not read")


def same_key(one: Pair, other: Pair) -> bool:
    return one.key.strip() == other.key.strip() and line_of(one.settings, _ID) == line_of(other.settings, _ID)


def rotate(files: Files, rendered: str, private_key: str, *, check: bool) -> dict[str, Any]:
    if not private_key.strip():
        return {"changed": False}
    if not files.env.is_file() or files.user not in {account.pw_name for account in pwd.getpwall()}:
        raise RotationError(f"{files.env} or the user {files.user} is missing; provision the machine by site.yml first")
    settings, key = files.env.read_text(encoding="utf-8"), ""
    live = Path(line_of(settings, _PATH).partition("=")[2] or files.key)
    with suppress(FileNotFoundError):
        key = live.read_text(encoding="utf-8")
    old = Pair(settings, key)
    wanted = settings
    for variable in (_ID, _PATH):
        wanted = with_line(wanted, variable, line_of(rendered, variable))
    new = Pair(wanted, private_key.strip() + "\n")
    if wanted == settings and new.key == old.key:
        return {"changed": False}
    if refusal := files.verdict(new):
        raise RotationError(
            f"the exchange did not take the new key, and the old one remains in use: {refusal}; check whether "
            "environment_kalshi_api_key_id and environment_kalshi_private_key belong together and to this exchange"
        )
    if check:
        return {"changed": True, "old": "is in use still"}
    files.go_live(new)
    if same_key(old, new) or not old.key:
        return {"changed": True, "old": "was this one"}
    return {"changed": True, "old": files.verdict(old)}


def main() -> None:
    module = AnsibleModule(
        {
            "env_file": {"type": "path", "required": True},
            "rendered": {"type": "str", "required": True, "no_log": True},
            "key_file": {"type": "path", "required": True},
            "private_key": {"type": "str", "required": True, "no_log": True},
            "user": {"type": "str", "required": True},
            "key_user": {"type": "str", "required": True},
            "program": {"type": "path", "required": True},
            "directory": {"type": "path", "default": "/run/milkbot-exchange-key"},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    files = Files(
        Path(asked["env_file"]),
        Path(asked["key_file"]),
        asked["user"],
        asked["key_user"],
        asked["program"],
        Path(asked["directory"]),
    )
    try:
        done = rotate(files, asked["rendered"], asked["private_key"], check=module.check_mode)
    except RotationError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**done)


if __name__ == "__main__":
    main()
