"""The settings of the platform, judged by the release before they replace those in use."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask
from tests.roles.rendering import evaluate, render

OLD = "TRADING_MODE=shadow\nBANKROLL=100\n"
RELEASE = "runuser -u milkbot -- /opt/milkbot/current/venv/bin/milkbot"


def written(file: Path, content: str, program: str) -> dict[str, Any]:
    """The answer of the role's own task, with another program instead of the release's command."""
    validate = str(evaluate("_environment_secret_files[0].validate"))
    assert RELEASE in validate
    one = {"path": str(file), "content": content, "owner": getpass.getuser(), "mode": "0600"}
    return ask("milkbot/library/install_files.py", files=[one | {"validate": validate.replace(RELEASE, program)}])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(OLD, encoding="utf-8")
    return path


MILKBOT = str(Path(sys.executable).with_name("milkbot"))


def test_settings_that_the_release_refuses_replace_nothing(file: Path) -> None:
    answer = written(
        file, "TRADING_MODE=shadow\nBANKROLL=-5\nMAX_TRADE_RISK_PCT=200\nPOSTGRES_PASSWORD=hush\n", MILKBOT
    )
    assert answer["failed"]
    assert "BANKROLL is '-5': input should be greater than 0" in answer["msg"]
    assert "MAX_TRADE_RISK_PCT is '200': input should be less than or equal to 100" in answer["msg"]
    assert "hush" not in answer["msg"]
    assert file.read_text(encoding="utf-8") == OLD
    assert list(file.parent.iterdir()) == [file]


def rendered(**trading: Any) -> str:
    """The file of the settings for an inventory with that environment_trading."""
    platform = evaluate("_environment_platform", environment_trading_mode="shadow", environment_trading=trading)
    return render("environment/env.j2", variables=platform)


def test_the_forecasters_of_an_inventory_reach_the_settings(file: Path) -> None:
    new = rendered(forecaster="normal", forecaster_shadow=["market", "anchored"])
    assert {"FORECASTER=normal", "FORECASTER_SHADOW=market,anchored"} <= set(new.splitlines())
    assert written(file, new, MILKBOT)["changed"]
    assert file.read_text(encoding="utf-8") == new


@pytest.mark.parametrize(
    ("trading", "said"),
    [
        ({"forecaster": "warm_bias"}, "FORECASTER holds warm_bias, which no installed package has"),
        (
            {"forecaster_shadow": ["market", "warm_bias"]},
            "FORECASTER_SHADOW holds warm_bias, which no installed package has; use some of anchored, market, normal",
        ),
    ],
)
def test_a_forecaster_of_the_inventory_that_no_package_has_is_named_and_replaces_nothing(
    file: Path, trading: dict[str, Any], said: str
) -> None:
    answer = written(file, rendered(**trading), MILKBOT)
    assert answer["failed"]
    assert said in answer["msg"]
    assert file.read_text(encoding="utf-8") == OLD


def test_settings_that_the_release_accepts_replace_those_in_use(file: Path) -> None:
    password = '"a\'b\\"c%d$e$(id){ {x} }#~!&`"'
    new = f"TRADING_MODE=shadow\nBANKROLL=50\nPOSTGRES_PASSWORD={password}\n"
    assert written(file, new, MILKBOT)["changed"]
    assert file.read_text(encoding="utf-8") == new
    assert not written(file, new, MILKBOT)["changed"]


def test_a_release_without_the_command_accepts_all_settings(file: Path, tmp_path: Path) -> None:
    program = tmp_path / "milkbot"
    program.write_text("#!/bin/sh\necho \"No such command 'settings'.\" >&2\nexit 2\n", encoding="utf-8")
    program.chmod(0o755)
    assert written(file, "BANKROLL=50\n", str(program))["changed"]
