"""A reader of the README: a fresh clone, a fresh home directory, and the commands that the text gives."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deploy.platform import PLAY_PATIENCE, ROOT, run

VPS = str(ROOT / "bin/vps")
INVENTORY = Path("inventories/production")
_ALL = INVENTORY / "group_vars/all"
# What stands in the README and in the inventory for the reader's own server.
EXAMPLE_ADDRESS, EXAMPLE_KEY = "203.0.113.10", "~/.ssh/milkbot_production"
NO_VERSION = "v9.9.9"

# The reader's editor: fills in what the README says that is his.
_EDITOR = """#!/bin/bash
set -e
for file in "$@"; do
    sed --in-place "s|{example_address}|{address}|; s|{example_key}|{key}|" "$file"
    [ ! -e "$HOME/edits" ] || sed --in-place --file="$HOME/edits" "$file"
done
"""


def section(title: str) -> str:
    """A section of the README, with those below it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    begin = text.index(f"## {title}\n")
    return text[begin : text.index("\n## ", begin)]


def blocks(text: str) -> list[list[str]]:
    """The commands of each code block, in their order."""
    found = re.findall(r"^ *```\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block).splitlines() for block in found]


def steps(*, trial: bool = True) -> list[str]:
    """The commands of "A real server"; with `trial` those that need no account at an exchange."""
    *numbered, instead = blocks(section("A real server"))
    commands: list[str] = []
    for line in [line for block in numbered for line in block]:
        replaced = trial and "vault.yml" in line and line.startswith(("cp ", "$EDITOR "))
        commands += [line] if not replaced else instead if line.startswith("cp ") else []
    return commands


def _kept_for_the_shell(command: str) -> bool:
    return command.startswith((". ", "export "))


@dataclass(slots=True)
class Reader:
    """Somebody with a clone, who types commands in one shell."""

    clone: Path
    home: Path
    machine: str
    address: str
    shell: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    refused: subprocess.CompletedProcess[str] | None = None

    @staticmethod
    def begin(directory: Path, machine: str) -> Reader:
        """A fresh clone of this repository's commit, and a home directory with an editor."""
        facts = json.loads(run(VPS, "show", machine, "--json"))
        reader = Reader(directory / "milkbot", directory / "home", machine, facts["address"])
        reader.home.mkdir()
        editor = reader.home / "editor"
        values = {"example_address": EXAMPLE_ADDRESS, "example_key": EXAMPLE_KEY}
        text = _EDITOR.format(**values, address=reader.address, key=facts["key"])
        editor.write_text(text, encoding="utf-8")
        editor.chmod(0o700)
        run("git", "clone", "--quiet", ROOT, reader.clone)
        for who in ("user.name test", "user.email test@milkbot.test"):
            run("git", "config", *who.split(), cwd=reader.clone)
        return reader

    def _environment(self) -> dict[str, str]:
        dropped = re.compile(r"ANSIBLE_|PYTHON|VIRTUAL_ENV|MILKBOT_E2E|UV_PROJECT|PYTEST|NO_COLOR")
        kept = {name: value for name, value in os.environ.items() if not dropped.match(name)}
        # What pip and uv fetched before is no part of what is tested.
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
        own = {"HOME": str(self.home), "EDITOR": str(self.home / "editor"), "XDG_CACHE_HOME": cache}
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {**kept, **own, "PATH": path, "TERM": "dumb"}

    def type(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command where the ones before left the shell; the README's address is the machine's."""
        command = command.replace(EXAMPLE_ADDRESS, self.address)
        script = "\n".join(["set -e", *self.shell, command])
        done = subprocess.run(
            ["bash", "-c", script],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.clone,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            timeout=PLAY_PATIENCE,
        )
        if done.returncode == 0 and _kept_for_the_shell(command):
            self.shell.append(command)
        return done

    def play(self, playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook as the day-two table has it."""
        given = [text for name, value in variables.items() for text in ("-e", json.dumps({name: value}))]
        return self.type(shlex.join(["ansible-playbook", "-i", str(INVENTORY), playbook, *options, *given]))

    def ssh(self, command: str) -> str:
        """Standard output of a command of root's on the machine."""
        return run(VPS, "ssh", self.machine, command)

    def edit(self, file: str, *expressions: str) -> subprocess.CompletedProcess[str]:
        """Change a file of the inventory by sed's expressions; an encrypted one by ansible-vault."""
        edits = self.home / "edits"
        edits.write_text("\n".join(expressions) + "\n", encoding="utf-8")
        path = _ALL / file
        vault = (self.clone / path).read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT")
        try:
            return self.type(f"{'ansible-vault edit' if vault else '$EDITOR'} {path}")
        finally:
            edits.unlink()

    def commit(self, message: str, changes: dict[str, str]) -> str:
        """Commit files to the clone, as an operator brings another version."""
        for name, content in changes.items():
            path = self.clone / name
            path.write_text(content, encoding="utf-8")
            run("git", "add", "--", name, cwd=self.clone)
        run("git", "commit", "--quiet", "--message", message, cwd=self.clone)
        return run("git", "rev-parse", "HEAD", cwd=self.clone)

    def live(self) -> str:
        """Id of the release that current points to."""
        return Path(self.ssh("readlink /opt/milkbot/current")).name

    def last(self) -> tuple[str, str]:
        """What the newest line of the history was, and what came of it."""
        line = self.history()[-1]
        return line["action"], line["result"]

    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ssh("cat /opt/milkbot/deploys.jsonl").splitlines()]


def machine(name: str, image: str) -> Iterator[str]:
    """A bare machine of that image for as long as it is needed; nothing is prepared on it."""
    subprocess.run([VPS, "destroy", name], check=False, capture_output=True)
    run(VPS, "create", name, f"--image={image}", "--start")
    try:
        yield name
    finally:
        if not os.environ.get("MILKBOT_PRODUCTION_KEEP"):
            subprocess.run([VPS, "destroy", name], check=False, capture_output=True)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, without the line breaks of its layout."""
    return " ".join((done.stdout + done.stderr).split())


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed; fails if the command did."""
    assert done.returncode == 0, f"{done.args[-1]}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return said(done)


def changed(done: subprocess.CompletedProcess[str]) -> int:
    """Number of changes in Ansible's closing line."""
    counts = re.findall(r"\bok=\d+\s+changed=(\d+)\s", done.stdout)
    assert len(counts) == 1, done.stdout[-2000:]
    return int(counts[0])
