"""Commands against a real database; where they need an exchange, a simulator on the wall clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cli import Milkbot
from tests.exchange import Keys, environment, make_keys, simulator_process
from tests.postgres import TestDatabase


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The accounts' key."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def origin(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulator process on the wall clock."""
    with simulator_process(tmp_path_factory.mktemp("wall"), keys) as serving:
        yield serving


@pytest.fixture
def milkbot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database: TestDatabase, keys: Keys
) -> Milkbot:
    """The command line of mode demo on a migrated database; no exchange answers."""
    ready = Milkbot(monkeypatch, capsys)
    ready.environment = environment("http://127.0.0.1:1", keys, database, role="milkbot")
    return ready


@pytest.fixture
def connected(milkbot: Milkbot, origin: str, database: TestDatabase, keys: Keys) -> Milkbot:
    """The same with an exchange that answers."""
    milkbot.environment = environment(origin, keys, database, role="milkbot", TRADING_SERIES="KXHIGHNY")
    return milkbot
