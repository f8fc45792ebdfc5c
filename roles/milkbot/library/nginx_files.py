"""Ansible module: files of nginx that go live only when nginx accepts its whole configuration with them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: nginx_files
short_description: Change files of nginx once it accepts its whole configuration with the changes
description:
  - The changes are made in a copy of C(/etc/nginx). nginx tests that copy, with all that is the operator's, at its
    usual place in a mount namespace. Only then the changes are made, each atomically, so a run that is killed at any
    time leaves a configuration that nginx accepts.
  - When nginx refuses the copy nothing is changed, and the message names file, line and what to do.
  - Supports check mode, in which the copy is tested as well, and diff.
options:
  absent: {description: Links and files to be removed., type: list, elements: path, default: []}
  files:
    description: Files with their content; the mode of each is 0644 and its owner root.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Where it goes., type: path, required: true}
      content: {description: The file's content., type: str, required: true}
  links: {description: Links by their path, each with its target., type: dict, default: {}}
  worker_connections:
    description: >-
      Connections of one worker, written into C(nginx.conf) when the line there is the distribution's or was written
      here. 0 leaves it alone.
    type: int
    default: 0
  needs:
    description: What nginx reads and an earlier task makes. In check mode, without one of these, nothing is tested.
    type: list
    elements: path
    default: []
  directory: {description: Where nginx's configuration is., type: path, default: /etc/nginx}
  program: {description: The program that tests it., type: str, default: /usr/sbin/nginx}
"""

RETURN = r"""
changed_paths: {description: "Paths that were changed, or in check mode would be.", returned: always, type: list}
kept: {description: What the operator has set otherwise and was left., returned: always, type: list}
"""

# What the packages of Debian and Ubuntu have in nginx.conf, and the mark of a line that was changed here.
_PACKAGED = 768
_MARK = "# Milkbot: was 768"
_CONNECTIONS = re.compile(r"^(?P<indent>[ \t]*)worker_connections[ \t]+(?P<number>\d+);(?P<rest>.*)$", re.MULTILINE)
# A test of the configuration makes the pid file and the logs that are missing: here in a view of its own.
_TEST = """
mount --bind "$1" "$2" && mount -t tmpfs none /run || exit
[ ! -d /var/log/nginx ] || mount -t tmpfs none /var/log/nginx || exit
exec "$3" -t -q
"""
_PLACE = re.compile(r" in (?P<file>/\S+):(?P<line>\d+)$", re.MULTILINE)
_DEFAULT = re.compile(r"^[ \t]*listen\b[^;#]*\bdefault(?:_server)?\b[^;]*;", re.MULTILINE)


class RefusedError(Exception):
    """nginx does not accept the whole configuration; the message has its own words."""


def with_connections(text: str, wanted: int) -> tuple[str, str]:
    """The text of nginx.conf with that many connections a worker, and why it was left, '' when it was not."""
    found = _CONNECTIONS.search(text)
    if wanted == 0:
        return text, ""
    if found is None:
        return text, "nginx.conf has no worker_connections: each worker serves 512 connections"
    number = int(found["number"])
    if _MARK not in found["rest"] and number != _PACKAGED:
        kept = f"worker_connections {number} is the operator's; nginx_worker_connections {wanted} was not written"
        return text, kept if number < wanted else ""
    line = f"{found['indent']}worker_connections {wanted}; {_MARK}"
    return text[: found.start()] + line + text[found.end() :], ""


class Change:
    """One path: what it is now, and what it shall be."""

    def __init__(
        self, path: Path, *, content: str | None = None, target: str | None = None, mode: int | None = None
    ) -> None:
        """Without a mode a file keeps the one that it has."""
        self.path, self.content, self.target, self.mode = path, content, target, mode

    def due(self) -> bool:
        if self.content is not None:
            if self.path.is_symlink() or not self.path.is_file() or self.path.read_text("utf-8") != self.content:
                return True
            return self.mode not in (None, stat.S_IMODE(self.path.stat().st_mode))
        if self.target is not None:
            return not self.path.is_symlink() or str(self.path.readlink()) != self.target
        return os.path.lexists(self.path)

    def make(self, at: Path) -> None:
        """Make it there, whole or not at all."""
        if self.content is None and self.target is None:
            at.unlink(missing_ok=True)
            return
        temporary = at.with_name(f".{at.name}.milkbot")
        temporary.unlink(missing_ok=True)
        if self.target is not None:
            temporary.symlink_to(self.target)
        else:
            mode = self.mode or stat.S_IMODE(self.path.stat().st_mode)
            with temporary.open("x", encoding="utf-8") as file:
                os.fchmod(file.fileno(), mode)
                file.write(self.content or "")
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(at)

    def difference(self) -> dict[str, str]:
        def shown(text: str | None, target: str | None) -> str:
            return text if text is not None else f"link to {target}\n" if target is not None else "absent\n"

        old_target = str(self.path.readlink()) if self.path.is_symlink() else None
        old = self.path.read_text("utf-8") if self.path.is_file() and old_target is None else None
        headers = {"before_header": str(self.path), "after_header": str(self.path)}
        return {**headers, "before": shown(old, old_target), "after": shown(self.content, self.target)}


def test(directory: Path, changes: list[Change], program: str) -> None:
    """Raises RefusedError where nginx does not accept the directory with these changes."""
    with tempfile.TemporaryDirectory(prefix="milkbot-nginx-") as made:
        copy = Path(made) / "nginx"
        shutil.copytree(directory, copy, symlinks=True)
        for change in changes:
            # What lies elsewhere (a drop-in of systemd's) is no part of what nginx reads.
            if change.path.is_relative_to(directory):
                at = copy / change.path.relative_to(directory)
                at.parent.mkdir(parents=True, exist_ok=True)
                change.make(at)
        apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _TEST, "sh", str(copy), str(directory)]
        done = subprocess.run([*apart, program], check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise RefusedError(done.stderr.strip() or f"nginx -t ended with {done.returncode}")


def other_defaults(directory: Path, ours: set[Path]) -> Iterator[str]:
    """Where a file that is not ours listens as the default server, as FILE:LINE."""
    for path in sorted(file for file in directory.rglob("*") if file.is_file() and file.resolve() not in ours):
        text = path.read_text("utf-8", "replace")
        # sites-available is read through its links alone.
        if "sites-available" not in path.parts:
            yield from (f"{path}:{text.count(chr(10), 0, found.start()) + 1}" for found in _DEFAULT.finditer(text))


def advice(said: str, directory: Path, changes: list[Change], program: str) -> str:
    """What to do about nginx's refusal."""
    again = "then run site.yml --tags nginx again"
    try:
        test(directory, [], program)
    except RefusedError:
        place = _PLACE.search(said)
        where = f"{place['file']} line {place['line']}" if place else "what it names"
        return f"It refuses the files that are there already, without this change: fix {where}, {again}."
    places = list(other_defaults(directory, {change.path.resolve() for change in changes}))
    if "duplicate default server" in said or "duplicate listen options" in said:
        where = ", ".join(places) or "the other file that listens on that port"
        return f"Only one server may be the default of a port: take default_server out of {where}, {again}."
    where = "the file that it names, or what is set twice in a file of yours"
    return f"It accepts what is there without this change: fix {where}, {again}."


def wanted(asked: dict[str, Any]) -> tuple[list[Change], list[str]]:
    """The changes in the order in which they are safe, and what is left as the operator has it."""
    main, kept = Path(asked["directory"]) / "nginx.conf", []
    changes = [Change(Path(path)) for path in asked["absent"]]
    if asked["worker_connections"] and main.exists():
        text, left = with_connections(main.read_text("utf-8"), asked["worker_connections"])
        changes.append(Change(main, content=text))
        kept += [left] if left else []
    changes += [Change(Path(file["path"]), content=file["content"], mode=0o644) for file in asked["files"]]
    changes += [Change(Path(path), target=target) for path, target in asked["links"].items()]
    return changes, kept


def main() -> None:
    file = {"path": {"type": "path", "required": True}, "content": {"type": "str", "required": True}}
    module = AnsibleModule(
        {
            "absent": {"type": "list", "elements": "path", "default": []},
            "files": {"type": "list", "elements": "dict", "default": [], "options": file},
            "links": {"type": "dict", "default": {}},
            "worker_connections": {"type": "int", "default": 0},
            "needs": {"type": "list", "elements": "path", "default": []},
            "directory": {"type": "path", "default": "/etc/nginx"},
            "program": {"type": "str", "default": "/usr/sbin/nginx"},
        },
        supports_check_mode=True,
    )
    directory, program = Path(module.params["directory"]), module.params["program"]
    changes, kept = wanted(module.params)
    due = [change for change in changes if change.due()]
    # In check mode on a new machine there is no nginx yet, or no certificate.
    missing = module.check_mode and not all(Path(path).exists() for path in module.params["needs"])
    if due and not missing and shutil.which(program):
        try:
            test(directory, due, program)
        except RefusedError as error:
            advised = advice(str(error), directory, due, program)
            began = "Nothing was changed, nginx runs as before. nginx refuses the whole configuration:"
            module.fail_json(msg=f"{began}\n{error}\n{advised}")
    differences = [change.difference() for change in due]
    for change in due if not module.check_mode else []:
        change.path.parent.mkdir(parents=True, exist_ok=True)
        change.make(change.path)
    paths = [str(change.path) for change in due]
    module.exit_json(changed=bool(due), changed_paths=paths, kept=kept, diff=differences)


if __name__ == "__main__":
    main()
