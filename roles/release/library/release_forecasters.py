"""Ansible module: the packages with forecasters that a release is to have, and its identity with them."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_forecasters
short_description: Read the wheels with forecasters, and say which release one with them is
description:
  - Runs on the control node, where the wheels are. Refuses what the release's environment could not take.
  - A release with other packages is another one, so its identity is made of what is shipped and of every wheel.
    Without any wheel it is that of what is shipped alone.
options:
  wheels: {description: Paths of the wheels., type: list, elements: path, required: true}
  content: {description: "What is shipped, as release_source says.", type: str, default: ""}
  locked: {description: "Version of each locked package, which no wheel may replace.", type: dict, default: {}}
"""

RETURN = r"""
content: {description: "The identity of the release, as 40 hexadecimal digits.", type: str}
wheels: {description: "The SHA-256 of each wheel, by its name.", type: dict}
"""

# PEP 427: distribution, version, optional build, Python, ABI, platform.
_NAME = re.compile(r"([A-Za-z0-9_.]+)-([A-Za-z0-9_.!+]+)(-\d[A-Za-z0-9_.]*)?(-[A-Za-z0-9_.]+){3}\.whl")
_GROUP = "[milkbot.forecasters]"
_FIX = "build it anew by `uv build --wheel`, or correct release_forecaster_packages"


class PackageError(Exception):
    """A wheel that no release can have; the message says why, and what to do."""


def distribution_of(wheel: Path) -> str:
    """The normalised name of what it holds (PEP 503)."""
    found = _NAME.fullmatch(wheel.name)
    if not found:
        raise PackageError(f"{wheel} has no wheel's name (NAME-VERSION-PYTHON-ABI-PLATFORM.whl): {_FIX}")
    return re.sub(r"[-_.]+", "-", found.group(1)).lower()


def has_forecaster(wheel: Path) -> bool:
    """Whether it names an entry point of ours. Raises PackageError for what is no wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            listed = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
            return any(_GROUP in archive.read(name).decode("utf-8", "replace") for name in listed)
    except FileNotFoundError:
        raise PackageError(f"{wheel} is not on the control node: {_FIX}") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise PackageError(f"{wheel} cannot be read: {error}; {_FIX}") from None


def read(paths: list[str], locked: dict[str, str]) -> dict[str, str]:
    """The SHA-256 of each wheel, by its name. Raises PackageError."""
    found: dict[str, str] = {}
    sources: dict[str, Path] = {}
    forecasters = False
    for wheel in map(Path, paths):
        name = distribution_of(wheel)
        forecasters = has_forecaster(wheel) or forecasters
        if name in sources:
            raise PackageError(
                f"{wheel} and {sources[name]} both hold {name}: leave one in release_forecaster_packages"
            )
        if name in locked:
            raise PackageError(
                f"{wheel} would replace {name} {locked[name]}, which the release locks: "
                "take it out of release_forecaster_packages, and have the forecaster work with that version"
            )
        sources[name] = wheel
        found[wheel.name] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if paths and not forecasters:
        raise PackageError(f"none of {', '.join(paths)} has a forecaster in its entry points {_GROUP}: {_FIX}")
    return found


def identity(content: str, wheels: dict[str, str]) -> str:
    """Of what is shipped and of the wheels; the order in which they were named does not count."""
    if not wheels:
        return content
    lines = "".join(f"{digest} {name}\n" for name, digest in sorted(wheels.items()))
    return hashlib.sha256(f"{content}\n{lines}".encode()).hexdigest()[:40]


def main() -> None:
    module = AnsibleModule(
        {
            "wheels": {"type": "list", "elements": "path", "required": True},
            "content": {"type": "str", "default": ""},
            "locked": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    try:
        wheels = read(asked["wheels"], asked["locked"])
    except PackageError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, content=identity(asked["content"], wheels), wheels=wheels)


if __name__ == "__main__":
    main()
