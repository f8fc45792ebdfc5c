"""The command line's own parts: tables, and the way in and out of it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.text import Text

from milkbot.cli import main
from milkbot.cli.tables import show
from milkbot.errors import (
    ConfigError,
    DatabaseUnavailableError,
    ExitCode,
    LockHeldError,
    MilkbotError,
    NotPermittedError,
    VenueUnavailableError,
)

ROW = (datetime(2026, 8, 3, 15, 0, tzinfo=UTC), "a" * 150, Decimal("10.00"), Decimal("0E-6"), None)
COLUMNS = ("when", "name", "count", "nothing", "missing")


def test_json_keeps_decimals_exact_and_missing_values_missing(capsys: pytest.CaptureFixture[str]) -> None:
    show("Rows", COLUMNS, [ROW], as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"when": "2026-08-03 15:00:00Z", "name": "a" * 150, "count": "10.00", "nothing": "0", "missing": None}
    ]


def test_json_of_no_rows_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    show("Rows", COLUMNS, [], as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_piped_table_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    show("Rows", COLUMNS, [ROW], as_json=False)
    # A pipe has no width of its own: 80 columns, where a long word is folded.
    assert "a" * 150 in "".join(capsys.readouterr().out.split())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["milkbot", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


def test_help_names_every_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--help") == 0
    # Colours are forced by some environments, and cut words apart.
    shown = Text.from_ansi(capsys.readouterr().out).plain
    for command in (
        *("tick", "rollups", "doctor", "orders", "positions", "halt", "resume", "cancel-all", "arm-live"),
        *("simulate", "history", "replay", "release", "db"),
    ):
        assert f" {command} " in shown


@pytest.mark.parametrize("arguments", [("no-such-command",), ("orders", "--limit", "0"), ("tick", "--force")])
def test_wrong_usage_exits_2(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    assert run(monkeypatch, *arguments) == ExitCode.USAGE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MilkbotError("a"), 1),
        (VenueUnavailableError("a"), 69),
        (DatabaseUnavailableError("a"), 71),
        (LockHeldError("a"), 75),
        (NotPermittedError("a"), 77),
        (ConfigError(["a"]), 78),
    ],
)
def test_each_error_has_its_documented_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: MilkbotError, code: int
) -> None:
    def fail(**_: str) -> None:
        raise error

    monkeypatch.setattr("milkbot.cli.app.application", lambda _: fail)
    assert run(monkeypatch) == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.splitlines()[-1].endswith(" a")


def test_unexpected_error_exits_70_and_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: str) -> None:
        raise RuntimeError("out of the blue")

    monkeypatch.setattr("milkbot.cli.app.application", lambda _: fail)
    assert run(monkeypatch) == 70
    said = capsys.readouterr().err
    assert "RuntimeError: out of the blue" in said
    assert said.splitlines()[-1] == "milkbot: internal error; please report it with the lines above"
