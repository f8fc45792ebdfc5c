"""An operator can always stop the trader: with a `.env` that every tick refuses, through the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from tests.cli import Done, finished, start_milkbot
from tests.exchange import Keys, environment
from tests.postgres import TestDatabase

# What is wrong in the file, and nobody's business who stops the trader. No weather service is set at all.
WRONG = {
    "BANKROLL": "-5",
    "MAX_TRADE_RISK_PCT": "200",
    "TRADING_SERIES": "KXHIGHROME",
    "MAX_DAYLY_LOSS_PCT": "5",
    "COLOUR": "blue",
    "LOG_LEVEL": "LOUD",
    "LOG_FILE": "/nowhere/milkbot.log",
    "WEATHER_CACHE_MIN": "many",
}
_PARTS = ("TRADING_MODE", "POSTGRES_", "KALSHI_")

Run = Callable[..., Done]


@pytest.fixture
def run(origin: str, keys: Keys, database: TestDatabase, tmp_path: Path) -> Run:
    """Run `milkbot ARGUMENTS` as a process on an installation whose file of settings is wrong."""
    whole = environment(origin, keys, database, role="milkbot")
    needed = {name: value for name, value in whole.items() if name.startswith(_PARTS)}

    def start(*arguments: str, **more: str) -> Done:
        file = tmp_path / ".env"
        lines = [f"{name}={value}" for name, value in {**needed, **WRONG, **more}.items()]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return finished(start_milkbot({"MILKBOT_ENV_FILE": str(file)}, *arguments))

    return start


def states(database: TestDatabase) -> list[str]:
    with database.engine().connect() as connection:
        return list(connection.scalars(text("SELECT state FROM ops.trading_states ORDER BY id")))


def test_a_tick_refuses_wrong_settings_that_operator_commands_tolerate(run: Run) -> None:
    assert run("tick").code == 78


def test_halt_state_and_resume_work_with_wrong_trading_settings(run: Run, database: TestDatabase) -> None:
    halted = run("halt", "--reason", "storm")
    assert (halted.code, states(database)) == (0, ["halted"])
    shown = json.loads(run("state", "--json").out)
    assert shown[0]["value"] == "halted"
    assert run("state", "--check").code == 77
    resumed = run("resume", "--reason", "it passed")
    assert (resumed.code, states(database)) == (0, ["halted", "active"])


def test_each_wrong_setting_is_a_warning_of_the_operators_command(run: Run) -> None:
    said = run("halt", "--reason", "storm").sentences
    assert said[0] == "milkbot: warning: the configuration is wrong, and no tick runs until it is fixed:"
    assert [line.split()[1] for line in said[1:]] == [
        "MAX_DAYLY_LOSS_PCT", "COLOUR", "WEATHER_CACHE_MIN", "LOG_LEVEL", "BANKROLL", "MAX_TRADE_RISK_PCT",
        "TRADING_SERIES", "LOG_FILE",
    ]  # fmt: skip


def test_cancel_all_reaches_the_exchange_with_wrong_trading_settings(run: Run, origin: str) -> None:
    httpx2.post(f"{origin}/simulator/resume").raise_for_status()
    done = run("cancel-all")
    assert (done.code, done.out) == (0, "0 of 0 resting orders canceled\n")


@pytest.mark.parametrize("command", [("orders",), ("positions",), ("pnl",)], ids=" ".join)
def test_read_only_commands_work_with_wrong_trading_settings(run: Run, command: tuple[str, ...]) -> None:
    assert run(*command).code == 0


def test_halt_needs_no_exchange_and_no_key(run: Run, database: TestDatabase) -> None:
    nothing = {"KALSHI_API_BASE": "nowhere", "KALSHI_API_KEY_ID": "", "KALSHI_PRIVATE_KEY_PATH": ""}
    assert run("halt", "--reason", "storm", **nothing).code == 0
    assert states(database) == ["halted"]
    refused = run("cancel-all", **nothing)
    assert refused.code == 78
    named = sorted(line.split()[1] for line in refused.sentences[1:-1])
    assert named == ["KALSHI_API_BASE", "KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH"]


def test_halt_never_uses_a_default_mode_or_database(run: Run, database: TestDatabase) -> None:
    for wrong in ({"TRADING_MODE": "demoo"}, {"POSTGRES_PORT": "none"}):
        refused = run("halt", "--reason", "storm", **wrong)
        assert refused.code == 78
        (name,) = wrong
        assert refused.sentences[1].startswith(f"  - {name} is ")
        assert refused.sentences[2].endswith("NAME=value milkbot ...")
        assert len(refused.sentences) == 3
    assert states(database) == []


def test_halt_works_with_a_file_that_is_not_utf_8(run: Run, database: TestDatabase, tmp_path: Path) -> None:
    assert run("state").code == 0
    file = tmp_path / ".env"
    file.write_bytes(b"# caf\xe9\n" + file.read_bytes())
    done = finished(start_milkbot({"MILKBOT_ENV_FILE": str(file)}, "halt", "--reason", "storm"))
    assert (done.code, states(database)) == (0, ["halted"])
    assert f"  - {file} is not UTF-8 in line 1: write it anew" in done.sentences


def test_doctor_names_each_wrong_setting_in_a_row_and_checks_what_it_can(run: Run) -> None:
    done = run("doctor", "--json")
    rows = [(row["check"], row["verdict"], row["detail"]) for row in json.loads(done.out)]
    wrong = [detail.split()[0] for check, verdict, detail in rows if (check, verdict) == ("configuration", "fail")]
    assert sorted(wrong) == sorted(WRONG)
    assert {"keys", "database", "schema", "exchange", "clock", "account", "disk"} <= {check for check, _, _ in rows}
    assert done.code == 1


def test_doctor_makes_no_check_with_a_default_in_place_of_a_wrong_setting(run: Run) -> None:
    rows = json.loads(run("doctor", "--json", POSTGRES_PORT="none", KALSHI_API_BASE="nowhere").out)
    details = {row["check"]: row["detail"] for row in rows}
    assert details["database"] == details["exchange"] == "not checked: its settings are wrong, see configuration"
