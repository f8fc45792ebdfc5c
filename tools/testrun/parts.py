"""The parts of the test suite: what each one runs, and in which lane.

Parts of one lane follow each other; the lanes run side by side. The machine that Molecule makes is
used by the browser too, so these two share a lane.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "test-results"
_SHELL_TOPS = ("bin", ".ci", "tools", "tests", "deployment", "roles")
_SHELLS = (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash")
_OTHER_IMAGES = ("debian-13", "ubuntu-24.04", "ubuntu-22.04")


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


def _shell_scripts() -> list[str]:
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


def _lint() -> Part:
    commands = (
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
        ("yamllint", "--strict", "."),
        ("ansible-lint", "--offline"),
        ("shellcheck", "--external-sources", *_shell_scripts()),
    )
    return Part("lint", 1, commands)


def _molecule(image: str, *, keep: bool) -> Part:
    """One image's run; the machine of the default image is kept for the browser, which removes it."""
    destroy = ("molecule", "destroy", "--no-command-borders")
    test = ("molecule", "test", "--destroy=never", "--no-command-borders")
    env = (
        ("MILKBOT_MOLECULE_IMAGE", image),
        ("MILKBOT_TEST_RESULTS", str(RESULTS)),
    )
    name = "molecule" if keep else f"molecule-{image}"
    return Part(name, 2, (destroy, test), after=() if keep else (destroy,), env=env)


def _browser() -> Part:
    converge = ("molecule", "converge", "--no-command-borders")
    browse = (str(ROOT / "tools/testrun/browse.sh"), *_pytest("browser", "tests/e2e"))
    return Part("browser", 2, (converge, browse), after=(("molecule", "destroy", "--no-command-borders"),))


def available(*, all_images: bool) -> dict[str, Part]:
    """Return the parts by name, in the order of their lanes."""
    parts = [
        _molecule("debian-12", keep=True),
        _browser(),
        _lint(),
        Part("unit", 1, (_pytest("unit", "tests/unit", "tests/contract", "tests/testrun"),)),
        Part("roles", 1, (_pytest("roles", "tests/roles"),)),
        Part("integration", 1, (_pytest("integration", "tests/integration"),)),
        Part("vps", 1, (_pytest("vps", "tests/localvps"),)),
    ]
    if all_images:
        parts += [_molecule(image, keep=False) for image in _OTHER_IMAGES]
    return {part.name: part for part in parts}
