"""Ansible module: the files of Streamlit's page, compressed, where nginx sends them from."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_frontend
short_description: Put the files of Streamlit's page into a directory, with a compressed copy of each that is text
description:
  - The files are linked, not copied. A release without Streamlit has none, and nginx asks the process then.
  - What is there already is left, so a run that was killed is finished by the next one.
options:
  environment: {description: The release's environment., type: path, required: true}
  destination: {description: "The directory; the files are in C(static) below it.", type: path, required: true}
"""

RETURN = r"""
files: {description: "How many files are there.", type: int}
"""

_PACKAGE = "lib/python3*/site-packages/streamlit/static/static"
_TEXT = {".css", ".html", ".js", ".json", ".map", ".svg", ".txt"}
_SMALLEST = 1024
"""Bytes below which compression gains nothing."""


def _place(path: Path, make: Any) -> bool:
    """Make a file under another name first: nobody sees half of one."""
    if path.exists():
        return False
    begun = path.with_name(f".{path.name}.new")
    begun.unlink(missing_ok=True)
    make(begun)
    begun.replace(path)
    return True


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _compress(source: Path, target: Path) -> None:
    # Without a time in it, equal files have equal bytes; nginx compares the times of both.
    target.write_bytes(gzip.compress(source.read_bytes(), compresslevel=9, mtime=0))
    shutil.copystat(source, target)


def publish(environment: Path, destination: Path) -> tuple[int, bool]:
    """How many files are there now, and whether anything was made."""
    made = False
    files = 0
    for top in environment.glob(_PACKAGE):
        for source in sorted(path for path in top.rglob("*") if path.is_file()):
            target = destination / "static" / source.relative_to(top)
            target.parent.mkdir(parents=True, exist_ok=True)
            made |= _place(target, lambda path, source=source: _link(source, path))
            files += 1
            if source.suffix in _TEXT and source.stat().st_size >= _SMALLEST:
                zipped = target.with_name(f"{target.name}.gz")
                made |= _place(zipped, lambda path, source=source: _compress(source, path))
    return files, made


def main() -> None:
    module = AnsibleModule(
        {
            "environment": {"type": "path", "required": True},
            "destination": {"type": "path", "required": True},
        }
    )
    os.umask(0o022)
    files, made = publish(Path(module.params["environment"]), Path(module.params["destination"]))
    module.exit_json(changed=made, files=files)


if __name__ == "__main__":
    main()
