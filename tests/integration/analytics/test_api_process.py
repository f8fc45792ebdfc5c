"""The service as systemd runs it: on an inherited socket, configured by its environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.patience import PATIENCE
from tests.postgres import TestDatabase

from milkbot.errors import ExitCode

UVICORN = Path(sys.executable).with_name("uvicorn")


def _answer_and_log(module: str, path: str, log: Path, environment: dict[str, str]) -> tuple[int, list[str]]:
    """The status of one answer of the service on a socket that it inherits, and the lines of its log."""
    settings = {"PATH": os.environ["PATH"], "PYTHONPATH": "app", "LOG_FILE": str(log), **environment}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        os.set_inheritable(number, True)
        command = [str(UVICORN), "--fd", str(number), module, "--no-access-log"]
        with subprocess.Popen(command, env=settings, pass_fds=[number]) as process:
            try:
                # The socket listens before the process does: the first request waits for it, as under systemd.
                port = listening.getsockname()[1]
                answer = httpx2.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE)
            finally:
                process.terminate()
    return answer.status_code, log.read_text("utf-8").splitlines()


def test_service_answers_on_an_inherited_socket_and_logs_json(database: TestDatabase, tmp_path: Path) -> None:
    status, lines = _answer_and_log(
        "milkbot.analytics.api:app", "/v1/health", tmp_path / "analytics.log", database.environment("milkbot_api")
    )
    assert status == 200
    assert any('"component": "analytics"' in line and "Application startup complete" in line for line in lines)
    assert all(line.startswith("{") for line in lines)


def test_dashboard_logs_no_requests(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "ANALYTICS_API_URL": "http://127.0.0.1:9"}
    status, lines = _answer_and_log(
        "milkbot.dashboard.asgi:app", "/_stcore/health", tmp_path / "dashboard.log", environment
    )
    assert status == 200
    assert any("Application startup complete" in line for line in lines)
    assert [line for line in lines if "_stcore/health" in line] == []


@pytest.mark.parametrize(
    ("service", "name", "value", "sentence"),
    [
        ("analytics.api", "POSTGRES_PORT", "none", "POSTGRES_PORT is 'none'"),
        ("analytics.api", "LOG_FILE", "/nowhere/x.log", "LOG_FILE is '/nowhere/x.log': No such file or directory"),
        ("dashboard.asgi", "DASH_REFRESH_SEC", "0", "DASH_REFRESH_SEC is '0'"),
    ],
)
def test_wrong_configuration_ends_the_service_with_one_sentence(
    service: str, name: str, value: str, sentence: str
) -> None:
    done = subprocess.run(
        [UVICORN, "--port", "0", "--no-access-log", f"milkbot.{service}:app"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "app", name: value},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == ExitCode.CONFIG
    assert done.stderr.startswith(f"milkbot-{service.split('.', maxsplit=1)[0]}: {sentence}")
    assert "Traceback" not in done.stderr
