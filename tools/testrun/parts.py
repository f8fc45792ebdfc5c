"""The parts of the test suite: what each one runs, and in which lane.

Parts of one lane follow each other; the lanes run side by side. The machine that Molecule makes is
used by the browser and the deploys too, so these share a lane. What needs machines waits a lot, so that
three lanes fill two cores.
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
# Folders of a role whose Python Ansible brings to the host.
_ON_HOST = ("files", "library", "module_utils")
_DESTROY = ("molecule", "destroy", "--no-command-borders")
# In this order: the browser tests the release that was provisioned.
_ON_MACHINE = {"browser": "tests/e2e", "deploy": "tests/deploy"}
_USE_MACHINE = ("molecule", *_ON_MACHINE)
# What runs on every image.
_OF_IMAGES = (*_USE_MACHINE, "production")
# A kernel of its own is emulated by software: a history would take most of an hour.
_KERNEL = "debian-12-kernel"
_NO_DAY = (("MILKBOT_MOLECULE_HISTORY_DAYS", "0"),)
# What the simulated month finds, a few days may not; but it takes some minutes more.
_A_MONTH = (("MILKBOT_MOLECULE_HISTORY_DAYS", "30"),)
# What needs no machine, or makes its own: the lane, and the tests. All three lanes take about as long.
_ALONE: dict[str, tuple[int, tuple[str, ...]]] = {
    "integration": (1, ("tests/integration", "tests/property")),
    "lint": (3, ()),
    "unit": (3, ("tests/unit", "tests/contract", "tests/testrun")),
    "production": (3, ("tests/production",)),
    "vps": (3, ("tests/localvps",)),
    "roles": (3, ("tests/roles",)),
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
    return ("pytest", f"--junitxml={RESULTS}/{name}.xml", "--durations=20", "-o", f"cache_dir={cache}", *arguments)


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
        ("lint-imports", "--no-cache", "--no-logo"),
        (*vermin, *host_python()),
        ("yamllint", "--strict", "."),
        ("ansible-lint", "--offline"),
        ("shellcheck", "--external-sources", *shell_scripts()),
        (str(ROOT / "bin/sbom"), str(RESULTS / "sbom")),
    )
    return Part("lint", _ALONE["lint"][0], commands)


def _split(name: str) -> tuple[str, str]:
    """Kind and image of a part that needs a machine; the usual image is not part of its name."""
    kind, _, image = name.partition("-")
    return kind, image or recipes.DEFAULT


def _of_image(kind: str, image: str) -> str:
    return kind if image == recipes.DEFAULT else f"{kind}-{image}"


def _molecule(name: str, *, keep: bool, matrix: bool) -> Part:
    """One image's run: its machine is fresh at the start, and destroyed at the end unless it is kept."""
    test = ("molecule", "test", "--destroy=never", "--no-command-borders")
    env = (_image(name), ("MILKBOT_TEST_RESULTS", str(RESULTS)), *(_A_MONTH if matrix else ()))
    return Part(name, 2, (_DESTROY, test), after=() if keep else (_DESTROY,), env=env)


def _image(name: str) -> tuple[str, str]:
    return "MILKBOT_MOLECULE_IMAGE", _split(name)[1]


def _on_machine(name: str, *cases: str, provisioned: bool, keep: bool) -> Part:
    """Tests on Molecule's machine, which is provisioned here unless a part before did it."""
    kind = _split(name)[0]
    converge = () if provisioned else (_DESTROY, ("molecule", "converge", "--no-command-borders"))
    visitor = (str(ROOT / "tools/testrun/visitor.sh"),) if kind == "browser" else ()
    run = (str(ROOT / "tools/testrun/on_machine.sh"), *visitor, *_pytest(name, _ON_MACHINE[kind], *cases))
    return Part(name, 2, (*converge, run), after=() if keep else (_DESTROY,), env=(_image(name),))


def _production(name: str, *cases: str) -> Part:
    """A server of its own, on which every playbook runs with the inventory that is shipped."""
    kind, image = _split(name)
    lane, tests = _ALONE[kind]
    command = _pytest(name, *tests, "--durations=0", *cases)
    return Part(name, lane, (command,), env=(("MILKBOT_PRODUCTION_IMAGE", image),))


def _kernel() -> Part:
    """What only a kernel of its own shows: the roles twice on a machine that has one, then their effects.

    The machine is provisioned as a container, and then boots its kernel.
    """
    converge, again = (("molecule", step, "--no-command-borders") for step in ("converge", "idempotence"))
    on_machine = str(ROOT / "tools/testrun/on_machine.sh")
    boot = (on_machine, "sh", "-c", f'"{ROOT}/bin/vps" restart "$MILKBOT_E2E_MACHINE"')
    # Of the auditors only lynis judges the kernel. What fared how, with limits and without, is in the output.
    tests = ("tests/kernel", "tests/deploy/test_auditors.py", "-k", "kernel or lynis", "-rP")
    run = (on_machine, *_pytest("kernel", *tests))
    env = (_image(f"molecule-{_KERNEL}"), *_NO_DAY)
    return Part("kernel", 2, (_DESTROY, converge, boot, converge, again, run), after=(_DESTROY,), env=env)


def names(*, all_images: bool) -> list[str]:
    """The names of the parts, in the order in which their lanes run them."""
    others = [recipe.name for recipe in _shared() if recipe.name != recipes.DEFAULT]
    images = [_of_image(kind, image) for image in others for kind in _OF_IMAGES]
    return ["molecule", *_ON_MACHINE, *_ALONE, *(["mutation", *images, "kernel"] if all_images else [])]


def _shared() -> list[recipes.Recipe]:
    """The images whose machines share the host's kernel; the one that does not has a part of its own."""
    return [recipe for recipe in recipes.RECIPES.values() if not recipe.has_kernel]


def images_without_mirror() -> dict[str, str]:
    """The parts whose image cannot be made here, each with the reason and the fix."""
    found: dict[str, str] = {}
    for recipe in _shared():
        try:
            mirrors.mirror(recipe.distribution)
        except VpsError as error:
            found |= {_of_image(kind, recipe.name): str(error) for kind in _OF_IMAGES}
    return found


def build(chosen: Collection[str], *, matrix: bool = False) -> list[Part]:
    """Return the chosen parts, with every case of the long matrices or without.

    What comes after Molecule uses the machine that is there, which is one of the same image.
    """
    cases = () if matrix else ("-m", "not matrix")
    parts: list[Part] = []
    for name in chosen:
        kind, image = _split(name)
        if kind in _USE_MACHINE:
            sharing = [one for one in _USE_MACHINE if _of_image(one, image) in chosen]
            keep = kind != sharing[-1]
            if kind == "molecule":
                parts.append(_molecule(name, keep=keep, matrix=matrix))
            else:
                parts.append(_on_machine(name, *cases, provisioned=kind != sharing[0], keep=keep))
        elif kind == "production":
            parts.append(_production(name, *cases))
        elif name == "lint":
            parts.append(_lint())
        elif name == "kernel":
            parts.append(_kernel())
        elif name == "mutation":
            parts.append(Part(name, 1, (("python", "-m", "mutation"),)))
        else:
            lane, tests = _ALONE[name]
            parts.append(Part(name, lane, (_pytest(name, *tests, *cases),)))
    return parts
