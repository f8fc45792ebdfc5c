"""What the process of a tick imports: each minute it pays for it again."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.exchange import child_environment

from milkbot.errors import ExitCode

LIBRARIES = frozenset(
    {"alembic", "altair", "fastapi", "numpy", "pandas", "starlette", "streamlit", "typer", "uvicorn", "websockets"}
)
"""What other commands and the services need. Of ours: everything that the trader does not use."""
PACKAGES = frozenset({"analytics", "dashboard", "history", "recorder", "simulator", "smoke"})
TICK = """
import sys
from milkbot.cli import main
sys.argv = ["milkbot", "tick"]
try:
    main()
except SystemExit as left:
    print(left.code, *sys.modules)
"""


@pytest.fixture(scope="module")
def imported() -> frozenset[str]:
    """The modules of a process that began a tick and had no database."""
    settings = {"TRADING_MODE": "shadow", "NWS_USER_AGENT": "tests", "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1"}
    command = [sys.executable, "-c", TICK]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=child_environment(**settings))
    code, *modules = run.stdout.split()
    assert int(code) == ExitCode.DATABASE, run.stderr
    return frozenset(modules)


def test_a_tick_imports_no_library_of_the_other_commands(imported: frozenset[str]) -> None:
    assert not LIBRARIES & imported


def test_a_tick_imports_no_package_that_the_trader_does_not_use(imported: frozenset[str]) -> None:
    assert not {f"milkbot.{package}" for package in PACKAGES} & imported
