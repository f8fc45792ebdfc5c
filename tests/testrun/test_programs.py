"""What bin/*, the tools, the tests and the host's own scripts start is on a machine that the bootstrap made ready."""

from __future__ import annotations

from pathlib import Path

import playwright
import pytest
from tests.testrun import programs

from testrun.parts import ROOT, shell_scripts

# need_promtool unpacks it; only who is not root needs it; the VPS has it, and the tests a stand-in; the bootstrap has a
# list of its own for a machine with a kernel.
_OTHERWISE = {"promtool", "sudo", "pgbackrest", "qemu-system-x86_64"}
# These scripts run on a VPS.
_ON_A_MACHINE = "tests/bench/"


@pytest.fixture(scope="module")
def started() -> dict[str, set[str]]:
    """Each program with the files that start it."""
    python = [path for top in ("tests", "tools", "deployment") for path in sorted((ROOT / top).rglob("*.py"))]
    found = programs.of_python(python)
    here = [script for script in shell_scripts() if not script.startswith(_ON_A_MACHINE)]
    for name, scripts in programs.of_shell(here).items():
        found.setdefault(name, set()).update(scripts)
    environment = {path.name for path in (ROOT / ".venv/bin").iterdir()}
    return {name: files for name, files in found.items() if name not in environment | _OTHERWISE}


def _lacking(started: dict[str, set[str]], packages: list[str]) -> list[str]:
    there, owners = programs.installed_with(packages), programs.owners()
    return [
        f"{name} (started by {', '.join(sorted(files)[:3])})"
        for name, files in sorted(started.items())
        if not owners.get(name, set()) & there
    ]


def test_every_program_that_is_started_is_installed_by_the_bootstrap(started: dict[str, set[str]]) -> None:
    lacking = _lacking(started, programs.bootstrapped())
    assert not lacking, "add the package to bin/lib/bootstrap.sh: " + "; ".join(lacking)


@pytest.mark.parametrize(
    ("package", "program"), [("curl", "curl"), ("gnupg", "gpg"), ("jq", "jq"), ("nftables", "nft")]
)
def test_a_package_missing_from_the_bootstrap_is_found(
    started: dict[str, set[str]], package: str, program: str
) -> None:
    packages = programs.bootstrapped()
    packages.remove(package)
    assert program in {line.split()[0] for line in _lacking(started, packages)}


def _strange_libraries(packages: list[str]) -> list[str]:
    there = programs.installed_with(packages)
    node = Path(playwright.__file__).parent / "driver/node"
    return [name for name, owners in programs.library_owners(node).items() if not owners & there]


def test_every_library_of_playwrights_node_is_installed_by_the_bootstrap() -> None:
    packages = programs.bootstrapped()
    assert _strange_libraries(packages) == []
    packages.remove("libatomic1")
    assert _strange_libraries(packages) == ["libatomic.so.1"]
