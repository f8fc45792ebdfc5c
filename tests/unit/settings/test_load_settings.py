"""Reading the configuration: all that is wrong at once, each with its name, its value and the fix."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from milkbot.errors import ConfigError, ExitCode
from milkbot.load_settings import load_needed, load_settings, warnings
from milkbot.settings import LEDGER_SETTINGS, Settings

SECRET = "correct horse battery"


def _problems(environment: dict[str, str], env_file: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environment, env_file)
    assert caught.value.exit_code is ExitCode.CONFIG
    return caught.value.problems


def test_the_defaults_are_shadow_mode_on_the_demo_exchange() -> None:
    settings = load_settings({})
    assert (settings.trading_mode, settings.exchange) == ("shadow", "demo")
    assert settings.bankroll == Decimal("992.10")
    assert settings.public_trade_delay_min == 60


def test_every_wrong_variable_is_named_in_one_list() -> None:
    problems = _problems(
        {"POSTGRES_PORT": "none", "TRADING_MODE": "paper", "KELLY_FRACTION": "1.5", "LOG_LEVEL": "LOUD"}
    )
    assert [problem.split(" is ")[0] for problem in problems] == [
        "TRADING_MODE",
        "POSTGRES_PORT",
        "LOG_LEVEL",
        "KELLY_FRACTION",
    ]
    assert problems[0].startswith("TRADING_MODE is 'paper': input should be 'shadow', 'demo' or 'live'")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_PORT", "0"),
        ("DASH_REFRESH_SEC", "0"),
        ("WEATHER_CACHE_MIN", "61"),
        ("BANKROLL", "0"),
        ("BANKROLL", "NaN"),
        ("KELLY_FRACTION", "0"),
        ("MAX_TRADE_RISK_PCT", "101"),
        ("MAX_DAILY_LOSS_PCT", "-1"),
        ("MAX_POSITION_SIZE", "0"),
        ("MAX_POSITION_SIZE", "1.5"),
        ("SPREAD_MAX_CENTS", "100"),
        ("MIN_EDGE_AFTER_COSTS", "1"),
        ("PUBLIC_TRADE_DELAY_MIN", "30"),
        ("PUBLIC_TRADE_DELAY_MIN", "0"),
    ],
)
def test_value_out_of_bounds_is_refused(name: str, value: str) -> None:
    (problem,) = _problems({name: value})
    assert problem.startswith(f"{name} is {value!r}: ")


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "KALSHI_PASSWORD", "OPENROUTER_API_KEY"])
def test_no_text_of_the_settings_or_of_an_error_contains_a_secret(name: str) -> None:
    settings = load_settings({name: SECRET})
    shown = (repr(settings), str(settings), settings.model_dump_json(), repr(settings.database.url()))
    assert not [text for text in shown if SECRET in text]
    assert not [problem for problem in _problems({name: SECRET, "POSTGRES_PORT": "x"}) if SECRET in problem]


@pytest.mark.parametrize(
    ("mode", "base"),
    [
        ("demo", "https://external-api.kalshi.com/trade-api/v2"),
        ("demo", "https://api.elections.kalshi.com/trade-api/v2"),
        ("live", "https://demo-api.kalshi.co/trade-api/v2"),
        ("live", "http://127.0.0.1:8900/trade-api/v2"),
    ],
)
def test_mode_that_does_not_fit_the_exchange_is_refused(mode: str, base: str) -> None:
    keys = {"KALSHI_API_KEY_ID": "id", "KALSHI_PRIVATE_KEY_PATH": "/key.pem"}
    (problem,) = _problems({"TRADING_MODE": mode, "KALSHI_API_BASE": base, **keys})
    assert problem.startswith(f"TRADING_MODE={mode} does not fit KALSHI_API_BASE={base}")
    assert "use " in problem


@pytest.mark.parametrize(
    "base", ["https://example.org/trade-api/v2", "http://demo-api.kalshi.co/trade-api/v2", "demo-api.kalshi.co", ""]
)
def test_exchange_that_is_not_known_or_not_encrypted_is_refused(base: str) -> None:
    (problem,) = _problems({"KALSHI_API_BASE": base})
    assert problem.startswith(f"KALSHI_API_BASE is {base!r}")
    assert "external-api.kalshi.com" in problem


def test_mode_that_sends_orders_needs_both_halves_of_the_key() -> None:
    problems = _problems({"TRADING_MODE": "demo"})
    assert [problem.split(" is ")[0] for problem in problems] == ["KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH"]
    assert len(_problems({"TRADING_MODE": "demo", "KALSHI_API_KEY_ID": "", "KALSHI_PRIVATE_KEY_PATH": "/k"})) == 1


def test_series_without_a_known_station_is_refused() -> None:
    (problem,) = _problems({"TRADING_SERIES": "KXHIGHNY, KXHIGHROME"})
    assert problem.startswith("TRADING_SERIES holds KXHIGHROME, which cities.toml does not know; use some of ")
    assert load_settings({"TRADING_SERIES": "KXHIGHNY, KXHIGHCHI,"}).trading_series == ("KXHIGHNY", "KXHIGHCHI")


def test_misspelt_limit_in_the_file_is_an_error_with_the_right_name(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("MAX_DAILY_LOS_PCT=1\nCOLOUR=blue\nMILKBOT_BACKUP_BUCKET=s3://x\n", "utf-8")
    assert _problems({}, env_file) == [
        f"MAX_DAILY_LOS_PCT in {env_file} is not a variable of Milkbot: did you mean MAX_DAILY_LOSS_PCT?",
        f"COLOUR in {env_file} is not a variable of Milkbot: remove it",
    ]


def test_unknown_variables_of_the_environment_are_ignored() -> None:
    assert load_settings({"PATH": "/bin", "LANG": "C.UTF-8"}) == Settings()


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("BANKROLL=100\nMAX_POSITION_SIZE=7\n", "utf-8")
    settings = load_settings({"BANKROLL": "200"}, env_file)
    assert (settings.bankroll, settings.max_position_size) == (Decimal(200), 7)


def test_dollar_sign_in_the_file_is_kept(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text('POSTGRES_PASSWORD="a$HOME#b"\n', "utf-8")
    password = load_settings({"HOME": "/root"}, env_file).postgres_password
    assert password is not None
    assert password.get_secret_value() == "a$HOME#b"


def test_absent_settings_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (problem,) = _problems({}, tmp_path / ".env")
    assert (
        problem
        == f"{tmp_path / '.env'} cannot be read: No such file or directory; run as its owner, or give another file"
    )


def test_email_login_is_accepted_with_a_warning() -> None:
    assert warnings(load_settings({})) == []
    (warning,) = warnings(load_settings({"KALSHI_EMAIL": "me@example.org"}))
    assert "KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH authenticate" in warning


def test_socket_directory_as_host_needs_no_password() -> None:
    url = load_settings({"POSTGRES_HOST": "/run/postgresql", "POSTGRES_USER": "milkbot_api"}).database.url()
    assert (url.host, url.query["host"], url.password) == (None, "/run/postgresql", None)


def test_fingerprint_changes_only_with_settings_that_decide() -> None:
    same = load_settings({}).fingerprint()
    assert (
        load_settings({"LOG_LEVEL": "DEBUG", "POSTGRES_PASSWORD": SECRET, "DASH_REFRESH_SEC": "5"}).fingerprint()
        == same
    )
    for name, value in (("KELLY_FRACTION", "0.1"), ("TRADING_SERIES", "KXHIGHNY"), ("BANKROLL", "1")):
        assert load_settings({name: value}).fingerprint() != same, name


@pytest.mark.parametrize("name", ["FORECASTER", "FORECASTER_SHADOW"])
def test_an_unknown_forecaster_is_answered_with_those_that_are_installed(name: str) -> None:
    (problem,) = _problems({name: "norma"})
    assert problem.startswith(f"{name} holds norma, which no installed package has; use some of ")
    assert "anchored, market, normal" in problem


def test_a_forecaster_is_no_challenger_of_itself() -> None:
    (problem,) = _problems({"FORECASTER": "market", "FORECASTER_SHADOW": "normal, market"})
    assert problem == "FORECASTER_SHADOW holds market, which is FORECASTER already; take it out of one of them"
    (problem,) = _problems({"FORECASTER_SHADOW": "market,market"})
    assert problem == "FORECASTER_SHADOW holds a name twice; leave one"


def test_an_unknown_forecaster_does_not_keep_an_operator_from_acting() -> None:
    _, problems = load_needed(LEDGER_SETTINGS, {"FORECASTER": "norma"})
    assert [problem.split(" holds ")[0] for problem in problems] == ["FORECASTER"]


def test_by_default_the_market_is_the_forecast_and_only_an_edge_that_no_recorded_day_refuted_is_taken() -> None:
    settings = load_settings({})
    assert (settings.forecaster, settings.order_style) == ("anchored", "immediate")
    assert settings.min_edge_after_costs == Decimal("0.10")
