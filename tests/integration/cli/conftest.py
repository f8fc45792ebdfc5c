"""Commands against a real database; where they need an exchange, a simulator on the wall clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli import Milkbot
from tests.exchange import Keys, environment
from tests.postgres import TestDatabase

from milkbot_hostcheck.settings import table


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Write the table of limits of this host, with what is given instead of the defaults."""
    path = tmp_path / "limits.json"
    monkeypatch.setattr("milkbot.cli.doctor.limits_path", lambda: path)

    def write(trader_interval: float = 5, **given: float) -> None:
        path.write_text(json.dumps(table(given, trader_interval)), "utf-8")

    write()
    return write


@pytest.fixture
def milkbot(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database: TestDatabase,
    keys: Keys,
    limits: object,
) -> Milkbot:
    """The command line of mode demo on a migrated database; no exchange answers."""
    del limits  # every command finds a table of them
    ready = Milkbot(monkeypatch, capsys)
    ready.environment = environment("http://127.0.0.1:1", keys, database, role="milkbot")
    return ready


@pytest.fixture
def connected(milkbot: Milkbot, origin: str, database: TestDatabase, keys: Keys) -> Milkbot:
    """The same with an exchange that answers."""
    milkbot.environment = environment(origin, keys, database, role="milkbot", TRADING_SERIES="KXHIGHNY")
    return milkbot
