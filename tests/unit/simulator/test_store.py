"""What was answered survives; what failed half-way does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.simulator.api import Api, served
from tests.unit.simulator.scripted import ScriptedWorld

from milkbot.errors import ConfigError
from milkbot.simulator.store import Store

QUESTIONS = ("/portfolio/balance", "/portfolio/orders", "/portfolio/fills", "/portfolio/settlements", "/markets/trades")


def traded(api: Api) -> dict[str, object]:
    """Trade for three days, and what the exchange says of it."""
    for number in range(3):
        ticker = api.liquid_market()["ticker"]
        api.order(ticker=ticker, client_order_id=f"a{number}", price="0.9900", time_in_force="immediate_or_cancel")
        api.order(ticker=ticker, client_order_id=f"b{number}", count="2.50", price="0.0200")
        api.tick(hours=20)
    return answers(api)


def answers(api: Api) -> dict[str, object]:
    # A book that is read for the first time is stepped to now, and its trades appear on the tape.
    api.get("/markets", limit=1000)
    found: dict[str, object] = {path: api.get(path) for path in QUESTIONS}
    found["positions"] = api.get("/portfolio/positions", settlement_status="all")
    found["books"] = {m["ticker"]: api.get(f"/markets/{m['ticker']}/orderbook") for m in api.open_markets()}
    return found


def test_restart_changes_no_answer(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    with served(tmp_path, key=key) as api:
        before = traded(api)
        moment = api.now

    with served(tmp_path, key=key) as again:
        assert again.now == moment
        assert answers(again) == before


def test_same_seed_and_calls_give_the_same_ids_and_prices(tmp_path: Path) -> None:
    runs = []
    for name in ("first", "second"):
        with served(tmp_path / name) as api:
            runs.append(traded(api))

    assert runs[0] == runs[1]


def test_continuing_after_a_restart_equals_continuing_without_one(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    with served(tmp_path / "whole") as api:
        traded(api)
        api.tick(hours=5)
        whole = answers(api)
    with served(tmp_path / "cut", key=key) as api:
        traded(api)
    with served(tmp_path / "cut", key=key) as api:
        api.tick(hours=5)
        assert answers(api) == whole


def fail_half_way(api: Api) -> None:
    with api.simulator.turn() as state:
        state.accounts["alice"].cash -= 500
        raise ZeroDivisionError


def test_a_failure_in_the_middle_keeps_the_last_committed_state(tmp_path: Path) -> None:
    with served(tmp_path) as api:
        before = answers(api)
        with pytest.raises(ZeroDivisionError):
            fail_half_way(api)

        assert answers(api) == before


def test_second_process_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with served(tmp_path), pytest.raises(ConfigError, match="cannot be used: database is locked"):
        Store(tmp_path)


def test_a_state_of_another_simulation_is_refused(tmp_path: Path) -> None:
    with served(tmp_path):
        pass

    with (
        pytest.raises(ConfigError, match="holds the simulated world of seed 11, not the scripted world"),
        served(tmp_path, ScriptedWorld()),
    ):
        pass


def test_a_file_that_is_no_state_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "simulator.sqlite3").write_bytes(b"something else entirely" * 100)

    with pytest.raises(ConfigError, match=r"--state-dir .* cannot be used"):
        Store(tmp_path)
