"""The log: one form of line, no secret in it, and none lost when its file is rotated away."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from milkbot.errors import ConfigError
from milkbot.logging import HIDDEN, adopt_loggers, configure_logging
from milkbot.settings import Settings


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:], root.level = handlers, level
    logging.getLogger("uvicorn.access").disabled = False
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def _settings(**values: object) -> Settings:
    return Settings.model_validate(values)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log file that is configured as the trader's, with two secrets known."""
    path = tmp_path / "trader.log"
    secrets = {"postgres_password": "correct horse", "openrouter_api_key": "sk-0815"}
    configure_logging(_settings(log_file=path, **secrets), "trader")
    return path


def test_line_is_json_with_time_level_component_and_values(log: Path) -> None:
    structlog.get_logger("milkbot.trader").info("order placed", ticker="KXHIGHNY", price=Decimal("0.40"))
    (line,) = _lines(log)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "order placed",
        "level": "info",
        "logger": "milkbot.trader",
        "component": "trader",
        "ticker": "KXHIGHNY",
        "price": "0.40",
    }


def test_lines_of_the_standard_library_have_the_same_form(log: Path) -> None:
    logging.getLogger("some.library").warning("%d retries", 3, extra={"host": "example.org"})
    (line,) = _lines(log)
    assert (line["event"], line["level"], line["component"], line["host"]) == (
        "3 retries",
        "warning",
        "trader",
        "example.org",
    )


def test_a_server_with_its_own_handlers_writes_each_line_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("uvicorn", "uvicorn.access", "streamlit.runtime"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.StreamHandler())
        logger.propagate = False
    configure_logging(_settings(log_file=tmp_path / "api.log"), "analytics")
    logging.getLogger("uvicorn.access").warning("GET /v1/health 200")
    logging.getLogger("streamlit.runtime").warning("session closed")
    assert [line["event"] for line in _lines(tmp_path / "api.log")] == ["GET /v1/health 200", "session closed"]
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_silenced_server_log_remains_silent(tmp_path: Path) -> None:
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False
    configure_logging(_settings(log_file=tmp_path / "x.log"), "analytics")
    # The server writes a line for each request if its logger leads to any handler.
    assert not access.hasHandlers()
    # As Streamlit does.
    access.addHandler(logging.StreamHandler())
    adopt_loggers()
    assert not access.hasHandlers()


def test_the_servers_log_level_does_not_override_the_configured_one(tmp_path: Path) -> None:
    logging.getLogger("uvicorn").setLevel(logging.INFO)
    configure_logging(_settings(log_level="WARNING", log_file=tmp_path / "x.log"), "analytics")
    logging.getLogger("uvicorn").info("Started server process", extra={"color_message": "Started"})
    logging.getLogger("uvicorn").warning("Shutting down", extra={"color_message": "Shutting"})
    (line,) = _lines(tmp_path / "x.log")
    assert line["event"] == "Shutting down"
    assert "color_message" not in line


def test_rotation_loses_no_line(log: Path) -> None:
    logger = logging.getLogger("milkbot")
    logger.info("before")
    rotated = log.rename(log.with_suffix(".log.1"))
    logger.info("after")
    assert [line["event"] for line in (*_lines(rotated), *_lines(log))] == ["before", "after"]


def test_a_line_during_a_rotation_goes_to_the_old_file(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_args: object, **_kwargs: object) -> None:
        raise PermissionError

    rotated = log.rename(log.with_suffix(".log.1"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", denied)
        logging.getLogger("milkbot").info("between")
    log.touch()
    logging.getLogger("milkbot").info("after")
    assert [line["event"] for line in _lines(rotated)] == ["between"]
    assert [line["event"] for line in _lines(log)] == ["after"]


@pytest.mark.parametrize("name", ["postgres_password", "KALSHI_ACCESS_SIGNATURE", "Authorization", "private_key_pem"])
def test_value_with_the_name_of_a_secret_is_hidden(log: Path, name: str) -> None:
    structlog.get_logger().info("request", **{name: "abc", "headers": {name: "abc"}})
    (line,) = _lines(log)
    assert (line[name], line["headers"][name]) == (HIDDEN, HIDDEN)


def test_known_secret_is_hidden_wherever_it_occurs(log: Path) -> None:
    structlog.get_logger().info("password is correct horse", parts=["sk-0815"], error=ValueError("sk-0815 is wrong"))
    try:
        raise RuntimeError("cannot connect with correct horse")
    except RuntimeError:
        logging.getLogger("sqlalchemy").exception("failed")
    text = log.read_text("utf-8")
    assert "cannot connect with" in text
    assert "correct horse" not in text
    assert "sk-0815" not in text


def test_password_inside_an_address_is_hidden(log: Path) -> None:
    logging.getLogger("db").info("connecting to postgresql://milkbot:hunter2@localhost/milkbot")
    assert _lines(log)[0]["event"] == f"connecting to postgresql://milkbot:{HIDDEN}@localhost/milkbot"


def test_the_console_shows_text_and_the_file_holds_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(_settings(log_format="console", log_file=tmp_path / "x.log"), "trader")
    logging.getLogger("milkbot").info("tick finished")
    assert _lines(tmp_path / "x.log")[0]["event"] == "tick finished"
    shown = capsys.readouterr().err
    assert "tick finished" in shown
    assert not shown.startswith("{")


def test_lines_below_the_level_are_not_written(tmp_path: Path) -> None:
    configure_logging(_settings(log_level="WARNING", log_file=tmp_path / "x.log"), "trader")
    structlog.get_logger("milkbot").info("quiet")
    structlog.get_logger("milkbot").warning("loud")
    assert [line["event"] for line in _lines(tmp_path / "x.log")] == ["loud"]


def test_log_file_that_cannot_be_opened_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "x.log"
    with pytest.raises(ConfigError, match=r"LOG_FILE is '.*absent/x.log': No such file or directory; give a file"):
        configure_logging(_settings(log_file=path), "trader")
