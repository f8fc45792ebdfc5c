"""The table of packages in docs/architecture.md and the contracts of import-linter say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "app" / "milkbot"
PACKAGES = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
MODULES = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
PURE = {"domain", "forecast", "risk", "sizing"}
"""These use no top-level module either."""
EVERYTHING = "everything"


def read_table() -> dict[str, set[str]]:
    """What each package may import, as the document has it."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table: dict[str, set[str]] = {}
    for packages, _, allowed in re.findall(r"^\| (`milkbot\..*?) \| (.*?) \| (.*?) \|$", text, re.MULTILINE):
        names = PACKAGES if allowed == EVERYTHING else set(re.findall(r"`(\w+)`", allowed))
        table |= dict.fromkeys(re.findall(r"`(?:milkbot\.)?(\w+)`", packages), names)
    return table


def read_contracts() -> dict[frozenset[str], set[str]]:
    """What each source of a contract may not import, as pyproject.toml has it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return {
        frozenset(contract["source_modules"]): set(contract["forbidden_modules"])
        for contract in settings["contracts"]
        if contract["type"] == "forbidden"
    }


TABLE = read_table()
CONTRACTS = read_contracts()


def full(names: set[str]) -> set[str]:
    """The dotted names of packages or modules."""
    return {f"milkbot.{name}" for name in names}


def test_the_table_has_every_package_and_no_other() -> None:
    assert TABLE.keys() == PACKAGES
    assert set().union(*TABLE.values()) <= PACKAGES


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_contract_forbids_what_the_table_does_not_allow(package: str) -> None:
    forbidden = PACKAGES - TABLE[package] - {package} | (MODULES if package in PURE else set())
    assert CONTRACTS.get(frozenset(full({package})), set()) == full(forbidden)


def test_top_level_modules_import_only_domain_and_db() -> None:
    assert CONTRACTS[frozenset(full(MODULES))] == full(PACKAGES - {"db", "domain"})
