"""Wrong settings: every wrong variable in one list, exit 78, and no secret on any stream."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli import Milkbot
from tests.exchange import Keys, environment
from tests.postgres import TestDatabase

SECRET = "hunter2-must-not-be-shown"
PEM = "-----BEGIN PRIVATE KEY-----\nTUlJQm11c3Qtbm90LWJlLXNob3du\n-----END PRIVATE KEY-----"
COMMANDS = [
    ("tick",),
    ("rollups",),
    ("terms", "list"),
    ("reconcile",),
    ("arm-live",),
    ("history",),
    ("db", "check"),
    ("db", "current"),
    ("db", "upgrade"),
]


@pytest.fixture
def milkbot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], keys: Keys) -> Milkbot:
    """The command line of mode demo; no database answers, and none has to be made for what is refused before."""
    ready = Milkbot(monkeypatch, capsys)
    ready.environment = environment("http://127.0.0.1:1", keys, TestDatabase(Path("/nowhere"), "none"))
    return ready


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_but_the_operators_own_refuses_wrong_settings(milkbot: Milkbot, command: tuple[str, ...]) -> None:
    done = milkbot(*command, BANKROLL="-1")
    assert done.code == 78
    assert done.sentences[0] == "milkbot: the configuration is wrong:"
    assert done.sentences[1].startswith("  - BANKROLL is '-1': ")
    assert done.out == ""


def test_all_wrong_variables_are_named_at_once_each_with_its_value(milkbot: Milkbot) -> None:
    done = milkbot("tick", BANKROLL="much", KELLY_FRACTION="2", POSTGRES_PORT="0", PUBLIC_TRADE_DELAY_MIN="5")
    assert done.code == 78
    rows = [line.removeprefix("  - ").partition(":")[0] for line in done.sentences[1:]]
    assert sorted(rows) == [
        "BANKROLL is 'much'",
        "KELLY_FRACTION is '2'",
        "POSTGRES_PORT is '0'",
        "PUBLIC_TRADE_DELAY_MIN is '5'",
    ]


def test_mode_that_does_not_fit_the_exchange_is_refused_with_the_remedy(milkbot: Milkbot) -> None:
    done = milkbot("tick", TRADING_MODE="live")
    assert done.code == 78
    (row,) = done.sentences[1:]
    assert row.startswith("  - TRADING_MODE=live does not fit KALSHI_API_BASE=http://127.0.0.1:1/trade-api/v2")
    assert "use a production host" in row


def test_missing_key_is_named(milkbot: Milkbot) -> None:
    done = milkbot("tick", KALSHI_API_KEY_ID="", KALSHI_PRIVATE_KEY_PATH="")
    assert done.code == 78
    assert [row.split()[1] for row in done.sentences[1:]] == ["KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH"]


def test_misspelt_limit_in_the_file_is_refused_with_the_right_name(milkbot: Milkbot, tmp_path: Path) -> None:
    file = tmp_path / "milkbot.env"
    file.write_text("MAX_DAYLY_LOSS_PCT=5\n")
    done = milkbot("tick", MILKBOT_ENV_FILE=str(file))
    assert done.code == 78
    assert done.sentences[1:] == [
        f"  - MAX_DAYLY_LOSS_PCT in {file} is not a variable of Milkbot: did you mean MAX_DAILY_LOSS_PCT?"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_PASSWORD", SECRET),
        ("KALSHI_PASSWORD", SECRET),
        ("KALSHI_API_KEY_ID", SECRET),
        ("OPENROUTER_API_KEY", SECRET),
        ("KALSHI_API_BASE", f"https://trader:{SECRET}@example.org/trade-api/v2"),
        ("NWS_API_BASE", f"ftp://trader:{SECRET}@example.org"),
        ("ANALYTICS_API_URL", f"http://trader:{SECRET}@example.org"),
        ("KALSHI_PRIVATE_KEY_PATH", PEM),
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secret_is_never_printed_whatever_fails(milkbot: Milkbot, name: str, value: str, log_format: str) -> None:
    given = {name: value, "LOG_FORMAT": log_format, "LOG_LEVEL": "DEBUG"}
    for more in ({"BANKROLL": "wrong"}, {}):
        done = milkbot("tick", **given, **more)
        assert done.code != 0
        for shown in (done.out, done.err):
            assert SECRET not in shown
            assert "TUlJQm11c3Qtbm90LWJlLXNob3du" not in shown


def test_key_in_place_of_its_files_path_is_refused_with_the_remedy(milkbot: Milkbot) -> None:
    done = milkbot("tick", KALSHI_PRIVATE_KEY_PATH=PEM)
    assert done.code == 78
    (row,) = done.sentences[1:]
    assert row.startswith("  - KALSHI_PRIVATE_KEY_PATH is (hidden): it holds a key itself; store the key in a file")


def test_key_file_readable_by_others_is_refused(milkbot: Milkbot, keys: Keys, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(keys.private_key.read_bytes())
    key.chmod(0o644)
    done = milkbot("tick", KALSHI_PRIVATE_KEY_PATH=str(key))
    assert done.code == 78
    assert done.sentences[1:] == [
        f"  - KALSHI_PRIVATE_KEY_PATH={key} has mode 0644, every user may reach it; run: chmod 0600 {key}"
    ]


def test_a_settings_file_is_validated_alone_and_completely(milkbot: Milkbot, tmp_path: Path) -> None:
    file = tmp_path / "candidate"
    file.write_text("TRADING_MODE=shadow\nBANKROLL=-5\nMAX_TRADE_RISK_PCT=200\nBANKROL=1\n", encoding="utf-8")
    # What the environment holds would be right.
    done = milkbot("settings", "check", "--env-file", str(file), BANKROLL="5")
    assert done.code == 78
    said = "\n".join(done.sentences)
    for part in (
        "BANKROLL is '-5': input should be greater than 0",
        "MAX_TRADE_RISK_PCT is '200'",
        "did you mean BANKROLL?",
    ):
        assert part in said
    file.write_text("TRADING_MODE=shadow\nBANKROLL=5\n", encoding="utf-8")
    assert milkbot("settings", "check", "--env-file", str(file), BANKROLL="-1").code == 0


def test_a_settings_file_may_be_read_from_a_pipe() -> None:
    for given, code in (("BANKROLL=-5\n", 78), ("TRADING_MODE=shadow\n", 0)):
        done = subprocess.run(
            [sys.executable, "-m", "milkbot.cli", "settings", "check", "--env-file", "-"],
            input=given,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        assert ("BANKROLL is '-5'" in done.stderr) is (code == 78)
