"""A city that cities.toml learns of is traded by its row alone: no module knows a city."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.atlas import XANADU, table_with
from tests.exchange import Exchange, Keys, served_exchange
from tests.integration.trader.stage import Stage, staged
from tests.postgres import TestDatabase

from milkbot.errors import ConfigError

SERIES = "KXHIGHTXAN"


@pytest.fixture
def exchange(tmp_path: Path, keys: Keys) -> Iterator[Exchange]:
    """An exchange that lists the city too."""
    with table_with(tmp_path, XANADU), served_exchange(tmp_path / "exchange", keys) as serving:
        yield serving


@pytest.fixture
def stage(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A trader of nothing but that city."""
    with staged(exchange, database, TRADING_SERIES=SERIES) as ready:
        yield ready


def test_a_new_city_is_decided_ordered_and_settled_by_its_row_alone(stage: Stage) -> None:
    for _ in range(8):
        stage.tick()
        stage.later(hours=4)
    stage.later(days=2)
    stage.tick()

    decided = "SELECT DISTINCT city_code FROM ops.signals WHERE p_yes IS NOT NULL"
    assert [row["city_code"] for row in stage.rows(decided)] == ["XAN"]
    ordered = {row["ticker"] for row in stage.rows("SELECT ticker FROM ops.orders WHERE city_code = 'XAN'")}
    filled = {row["ticker"] for row in stage.rows("SELECT ticker FROM ops.fills")}
    settled = {row["ticker"] for row in stage.rows("SELECT ticker FROM ops.settlements")}
    assert set() < settled <= filled <= ordered, "something must have been bought, or this shows nothing"


def test_a_series_without_a_row_is_refused_before_anything_is_read(exchange: Exchange, database: TestDatabase) -> None:
    with pytest.raises(ConfigError, match=r"TRADING_SERIES holds KXHIGHTYAN, which cities\.toml does not know"):
        exchange.settings(database, TRADING_SERIES=f"{SERIES},KXHIGHTYAN")
