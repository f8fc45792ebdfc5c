"""Ansible module: the wheels on a host that reaches no package index."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_wheelhouse
short_description: Keep the wheels that an environment is built of
description:
  - Its action plugin downloads them on the control node, for the host's interpreter and with the lock file's hashes,
    and brings those that the host has not yet.
  - Without O(wheels) it says what the interpreter takes and what is there. With them it makes the directory O(key)
    whole, each wheel's hash checked, and removes its predecessors. A directory that is not whole has another name.
options:
  python: {description: An interpreter that has pip., type: path, required: true}
  destination: {description: Where the directories of wheels are., type: path, required: true}
  project: {description: "Directory of the release, whose lock file is read.", type: path}
  key: {description: Name of the directory to make., type: str, default: ""}
  wheels: {description: "The SHA-256 of each wheel in it, by its name.", type: dict, default: {}}
  source: {description: "Archive of the wheels that were missing.", type: path}
"""

RETURN = r"""
environment: {description: "What markers are judged by, as PEP 508 has it.", type: dict}
tags: {description: What the interpreter takes., type: list}
directories: {description: Directories of wheels that are whole., type: list}
wheels: {description: The SHA-256 of each wheel that is there., type: list}
files: {description: The project's two files., type: dict}
"""

_ASK = """
import json
from pip._vendor.packaging import markers, tags
print(json.dumps({"environment": markers.default_environment(), "tags": [str(tag) for tag in tags.sys_tags()]}))
"""


class WheelError(Exception):
    """The wheels are not what they should be."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def look(asked: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run([asked["python"], "-I", "-c", _ASK], check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        raise WheelError(f"{asked['python']} has no pip: {done.stderr.strip()}")
    top, files = Path(asked["destination"]), {}
    if asked["project"]:
        files = {
            name: Path(asked["project"], name).read_text(encoding="utf-8") for name in ("pyproject.toml", "uv.lock")
        }
    return {
        **json.loads(done.stdout),
        "directories": sorted(path.name for path in top.glob("*") if not path.name.endswith(".new")),
        "wheels": sorted({digest(path) for path in top.glob("*/*.whl")}),
        "files": files,
    }


def fill(top: Path, key: str, wheels: dict[str, str], source: str | None) -> None:
    """Make the directory of what came and what was there, then remove the others."""
    there = {digest(path): path for path in top.glob("*/*.whl")}
    fresh = top / f"{key}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    if source:
        with tarfile.open(source) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if member.name in wheels and content is not None:
                    with content, (fresh / member.name).open("xb") as file:
                        shutil.copyfileobj(content, file)
    for name, wanted in wheels.items():
        path = fresh / name
        if not path.exists() and wanted in there and there[wanted].parent != fresh:
            os.link(there[wanted], path)
        if not path.exists() or digest(path) != wanted:
            raise WheelError(f"{name} did not arrive whole")
    fresh.rename(top / key)
    for other in top.iterdir():
        if other.name != key:
            shutil.rmtree(other)


def main() -> None:
    module = AnsibleModule(
        {
            "python": {"type": "path", "required": True},
            "destination": {"type": "path", "required": True},
            "project": {"type": "path"},
            "key": {"type": "str", "default": "", "no_log": False},
            "wheels": {"type": "dict", "default": {}},
            "source": {"type": "path"},
        }
    )
    os.umask(0o022)
    asked = module.params
    try:
        if asked["wheels"]:
            fill(Path(asked["destination"]), asked["key"], asked["wheels"], asked["source"])
            module.exit_json(changed=True)
        answer = look(asked)
    except (WheelError, tarfile.TarError, OSError) as error:
        module.fail_json(msg=f"the wheelhouse cannot be filled: {error}")
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
