"""The service as systemd runs it: on an inherited socket, configured by its environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.postgres import TestDatabase

from milkbot.errors import ExitCode

UVICORN = Path(sys.executable).with_name("uvicorn")
ARGUMENTS = ["milkbot.analytics.api:app", "--no-access-log"]


def test_service_answers_on_an_inherited_socket_and_logs_json(database: TestDatabase, tmp_path: Path) -> None:
    log = tmp_path / "analytics.log"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "app",
        "LOG_FILE": str(log),
        **database.environment("milkbot_api"),
    }
    with socket.create_server(("127.0.0.1", 0)) as listening:
        os.set_inheritable(listening.fileno(), True)
        with subprocess.Popen(
            [UVICORN, "--fd", str(listening.fileno()), *ARGUMENTS], env=environment, pass_fds=[listening.fileno()]
        ) as process:
            try:
                # The socket listens before the process does: the first request waits for it, as under systemd.
                port = listening.getsockname()[1]
                answer = httpx2.get(f"http://127.0.0.1:{port}/v1/health", timeout=30)
            finally:
                process.terminate()
    assert answer.status_code == 200
    lines = log.read_text("utf-8").splitlines()
    assert any('"component": "analytics"' in line and "Application startup complete" in line for line in lines)
    assert all(line.startswith("{") for line in lines)


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
        timeout=60,
    )
    assert done.returncode == ExitCode.CONFIG
    assert done.stderr.startswith(f"milkbot-{service.split('.', maxsplit=1)[0]}: {sentence}")
    assert "Traceback" not in done.stderr
