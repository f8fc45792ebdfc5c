"""Options that do not fit end in one sentence that names them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.simulator.api import account_row

from milkbot.domain.cities import all_series
from milkbot.errors import ConfigError
from milkbot.simulator.sim_clock import ClockMode
from milkbot.simulator.start import Options, open_simulator


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    public = Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps([account_row(pem.decode())]))
    return path


def problems(options: Options) -> str:
    with pytest.raises(ConfigError) as error:
        open_simulator(options).close()
    return str(error.value)


def test_new_history_starts_at_a_listing_the_given_number_of_days_ago(tmp_path: Path, accounts: Path) -> None:
    simulator = open_simulator(Options(tmp_path / "state", accounts, history_days=30))
    try:
        state = simulator.state
        assert simulator.clock.mode is ClockMode.VIRTUAL
        assert {plan.opens_at for plan in state.plans.values() if plan.opens_at >= state.now} == {state.now}
        assert len([plan for plan in state.plans.values() if plan.status(state.now) == "active"]) == 2 * len(
            all_series()
        )
    finally:
        simulator.close()


def test_stored_state_keeps_its_seed_its_time_and_its_balances(tmp_path: Path, accounts: Path) -> None:
    simulator = open_simulator(Options(tmp_path / "state", accounts, seed=5, history_days=3))
    simulator.set_clock(ClockMode.VIRTUAL, simulator.clock.latest + timedelta(hours=1))
    moment = simulator.state.now
    with simulator.turn() as state:
        state.accounts["alice"].cash -= 7
        state.touch(state.accounts["alice"])
    simulator.close()

    again = open_simulator(Options(tmp_path / "state", accounts, history_days=3))
    try:
        assert (again.state.seed, again.state.now) == (5, moment)
        assert again.state.accounts["alice"].cash == 993
    finally:
        again.close()
    assert "--seed is 6" in problems(Options(tmp_path / "state", accounts, seed=6))


def test_a_missing_account_is_refused_with_the_way_to_give_one(tmp_path: Path) -> None:
    assert "--open-account KEYID:PEMFILE" in problems(Options(tmp_path))


def test_a_wrong_account_file_is_refused_by_name(tmp_path: Path, accounts: Path) -> None:
    row = json.loads(accounts.read_text())[0]
    cases = {
        "[": "is no JSON",
        json.dumps([{**row, "public_key_pem": "text"}]): "0.public_key_pem",
        json.dumps([{**row, "balance_dollars": "-1"}]): "0.balance_dollars",
        json.dumps([{**row, "private_key": "x"}]): "0.private_key",
    }
    for text, said in cases.items():
        accounts.write_text(text)
        assert said in problems(Options(tmp_path / "state", accounts))
    assert "cannot be read" in problems(Options(tmp_path / "state", tmp_path / "absent.json"))
    assert "KEYID:PEMFILE" in problems(Options(tmp_path / "state", open_accounts=("only-an-id",)))


def test_options_that_exclude_each_other_are_refused_by_name(tmp_path: Path, accounts: Path) -> None:
    state = tmp_path / "state"
    assert "--history-days is 400" in problems(Options(state, accounts, history_days=400))
    assert "go together" in problems(Options(state, accounts, replay=tmp_path))
    assert "go together" in problems(Options(state, accounts, day=date(2025, 12, 16)))
    assert "holds no market_data_KXHIGHNY-25DEC16.csv.gz" in problems(
        Options(state, accounts, replay=tmp_path, day=date(2025, 12, 16))
    )
    assert "does not go with --replay" in problems(
        Options(state, accounts, replay=tmp_path, day=date(2025, 12, 16), history_days=2)
    )
