"""The parts of the test suite: what each one runs, and in which lane.

Parts of one lane follow each other; the lanes run side by side. The machine that Molecule makes is
used by the browser and the deploys too, so these share a lane.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localvps import mirrors, recipes
from localvps.errors import VpsError
from testrun import systems

if TYPE_CHECKING:
    from collections.abc import Collection

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "test-results"
_SHELL_TOPS = ("bin", ".ci", "tools", "tests", "deployment", "roles")
_SHELLS = (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash")
# Folders of a role whose Python Ansible brings to the host.
_ON_HOST = ("files", "library", "module_utils")
_DESTROY = ("molecule", "destroy", "--no-command-borders")
# In this order: the browser looks at the release that was provisioned.
_ON_MACHINE = {"browser": "tests/e2e", "deploy": "tests/deploy"}
_LANE_1 = {
    "lint": (),
    "unit": ("tests/unit", "tests/contract", "tests/testrun"),
    "roles": ("tests/roles",),
    "integration": ("tests/integration", "tests/property"),
    "vps": ("tests/localvps",),
}


@dataclass(frozen=True, slots=True)
class Part:
    """Commands that are all run, whatever the ones before gave; `after` always runs, and counts too."""

    name: str
    lane: int
    commands: tuple[tuple[str, ...], ...]
    after: tuple[tuple[str, ...], ...] = ()
    env: tuple[tuple[str, str], ...] = ()


def _pytest(name: str, *arguments: str) -> tuple[str, ...]:
    cache = Path(os.environ.get("MILKBOT_CACHE", RESULTS)) / f"pytest-{name}"
    return ("pytest", f"--junitxml={RESULTS}/{name}.xml", "-o", f"cache_dir={cache}", *arguments)


def shell_scripts() -> list[str]:
    """Every shell script of the repository, known by its name or its first line."""
    paths = (path for top in _SHELL_TOPS for path in sorted((ROOT / top).rglob("*")))
    return [str(path.relative_to(ROOT)) for path in paths if path.is_file() and _is_shell(path)]


def _is_shell(path: Path) -> bool:
    if path.suffix == ".j2":  # a template is no script yet
        return False
    with path.open("rb") as stream:
        return path.suffix == ".sh" or stream.readline(64).rstrip() in (
            b"#!/bin/sh",
            b"#!/bin/bash",
            b"#!/usr/bin/env bash",
        )


def host_python() -> list[str]:
    """Every Python file that a host's own Python runs, which may be older than the control node's."""
    tops = (ROOT / "deployment", *(path for kind in _ON_HOST for path in (ROOT / "roles").glob(f"*/{kind}")))
    return sorted(str(path.relative_to(ROOT)) for top in tops for path in top.rglob("*.py"))


def _lint() -> Part:
    vermin = ("vermin", f"--target={systems.oldest_python()}-", "--no-tips", "--violations")
    commands = (
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
        (*vermin, *host_python()),
        ("yamllint", "--strict", "."),
        ("ansible-lint", "--offline"),
        ("shellcheck", "--external-sources", *shell_scripts()),
    )
    return Part("lint", 1, commands)


def _molecule(image: str, *, keep: bool) -> Part:
    """One image's run: its machine is fresh at the start, and destroyed at the end unless it is kept."""
    test = ("molecule", "test", "--destroy=never", "--no-command-borders")
    env = (
        ("MILKBOT_MOLECULE_IMAGE", image),
        ("MILKBOT_TEST_RESULTS", str(RESULTS)),
    )
    name = "molecule" if image == recipes.DEFAULT else f"molecule-{image}"
    return Part(name, 2, (_DESTROY, test), after=() if keep else (_DESTROY,), env=env)


def _on_machine(name: str, *arguments: str, provisioned: bool, keep: bool) -> Part:
    """Tests on Molecule's machine, which is provisioned here unless a part before did it."""
    converge = () if provisioned else (("molecule", "converge", "--no-command-borders"),)
    visitor = (str(ROOT / "tools/testrun/visitor.sh"),) if name == "browser" else ()
    run = (str(ROOT / "tools/testrun/on_machine.sh"), *visitor, *_pytest(name, *arguments))
    return Part(name, 2, (*converge, run), after=() if keep else (_DESTROY,))


def _production(name: str, *cases: str) -> Part:
    """A server of its own, on which every playbook runs with the inventory that is shipped."""
    image = name.removeprefix("production").removeprefix("-") or recipes.DEFAULT
    command = _pytest(name, "tests/production", "--durations=0", *cases)
    return Part(name, 1, (command,), env=(("MILKBOT_PRODUCTION_IMAGE", image),))


def names(*, all_images: bool) -> list[str]:
    """The names of the parts, in the order in which their lanes run them."""
    others = [name for name in recipes.RECIPES if name != recipes.DEFAULT]
    images = [f"{part}-{name}" for part in ("molecule", "production") for name in others]
    return ["molecule", *_ON_MACHINE, *_LANE_1, "production", *(["mutation", *images] if all_images else [])]


def images_without_mirror() -> dict[str, str]:
    """The parts whose image cannot be made here, each with the reason and the mend."""
    found: dict[str, str] = {}
    for recipe in recipes.RECIPES.values():
        try:
            mirrors.mirror(recipe.distribution)
        except VpsError as error:
            found |= {f"{part}-{recipe.name}": str(error) for part in ("molecule", "production")}
    return found


def build(chosen: Collection[str], *, matrix: bool = False) -> list[Part]:
    """Return the chosen parts, with every case of the long matrices or without.

    What comes after Molecule uses the machine that is there.
    """
    cases = () if matrix else ("-m", "not matrix")
    parts: list[Part] = []
    for name in chosen:
        if name == "molecule":
            parts.append(_molecule(recipes.DEFAULT, keep=bool(_ON_MACHINE.keys() & set(chosen))))
        elif name in _ON_MACHINE:
            others = [part for part in ("molecule", *_ON_MACHINE) if part in chosen]
            before, after = others[: others.index(name)], others[others.index(name) + 1 :]
            tests = (_ON_MACHINE[name], *cases)
            parts.append(_on_machine(name, *tests, provisioned=bool(before), keep=bool(after)))
        elif name == "lint":
            parts.append(_lint())
        elif name.startswith("production"):
            parts.append(_production(name, *cases))
        elif name == "mutation":
            parts.append(Part(name, 1, (("python", "-m", "mutation"),)))
        elif name in _LANE_1:
            parts.append(Part(name, 1, (_pytest(name, *_LANE_1[name], *cases),)))
        else:
            parts.append(_molecule(name.removeprefix("molecule-"), keep=False))
    return parts
