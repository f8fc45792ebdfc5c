"""What a compromised service can do: the list of attempts, from inside each unit's own sandbox."""

from __future__ import annotations

import base64
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from testinfra.host import Host

LIST = Path(__file__).with_name("attempts.py")
UNIT = "test-attempts.service"
OUT = "/run/test-attempts.out"
PYTHON = "/opt/milkbot/current/venv/bin/python"
# Of a unit: what is another process's, what would take it from the service that runs, and what starts the service.
_LEFT_OUT = re.compile(
    r"(?:ExecStart|ExecStartPre|ExecStop|Type|Sockets|Restart\w*|Runtime\w+|Standard\w+|SuccessExitStatus|NonBlocking|Timeout\w+)="
)
_SERVICES = ("milkbot_trader", "milkbot_rollups", "milkbot_api", "milkbot_operator", "milkbot_control")
_KEY = "read /opt/milkbot/kalshi_private_key.pem"
# Each may do what is its work, and nothing else of the list.
MAY = {
    "milkbot-trader": {"come in as milkbot_trader", _KEY, "write the log of trader"},
    "milkbot-rollups": {"come in as milkbot_rollups", "write the log of rollups"},
    "milkbot-analytics": {"come in as milkbot_api", "write the log of analytics"},
    "milkbot-analytics-next": {"come in as milkbot_api", "write the log of analytics"},
    "milkbot-dashboard": {"write the log of dashboard"},
    "milkbot-dashboard-next": {"write the log of dashboard"},
    # It asks for acts over that socket.
    "milkbot-operator": {"come in as milkbot_operator", "connect to /run/milkbot-operator/act.sock"},
    "milkbot-passkey": {"connect to /run/milkbot-operator/web.sock"},
    "milkbot-simulator": {"write the log of simulator"},
    # The acts of the operator's page: it ends holds, accepts terms, and signs what it cancels.
    "milkbot-act@": {"come in as milkbot_control", _KEY, "end a hold", "accept terms"},
    "milkbot-record": set(),
}


@dataclass(frozen=True)
class Attempt:
    """One of the list, and what came of it."""

    name: str
    denied: bool
    said: str


def _read(output: str) -> list[Attempt]:
    return [Attempt(**json.loads(line)) for line in output.splitlines()]


def _put(host: Host, path: str, content: str) -> None:
    packed = base64.b64encode(content.encode()).decode()
    host.check_output(f"echo {packed} | base64 --decode >{path}")


def _sandboxed(unit: str) -> str:
    """The unit with everything that bounds it, running the list instead of its service."""
    _, _, service = unit.partition("[Service]")
    kept = [line for line in re.sub(r"\\\n", " ", service).splitlines() if not _LEFT_OUT.match(line)]
    body = "\n".join(line for line in kept if not line.startswith(("[", "WantedBy=")))
    run = (
        f"Type=oneshot\nExecStart={PYTHON} -I -B -\nStandardInput=file:/run/test-attempts.py\nStandardOutput=file:{OUT}"
    )
    return f"[Service]\n{body}\n{run}\n"


def _tried(host: Host, name: str) -> list[Attempt]:
    """What came of each attempt in the sandbox of that unit."""
    _put(host, "/run/test-attempts.py", LIST.read_text(encoding="utf-8"))
    _put(
        host, f"/run/systemd/system/{UNIT}", _sandboxed(host.check_output(f"systemctl cat {shlex.quote(name)}.service"))
    )
    try:
        host.check_output(f"rm -f {OUT}; systemctl daemon-reload; systemctl start {UNIT}")
        return _read(host.check_output(f"cat {OUT}"))
    finally:
        host.run(f"rm -f /run/systemd/system/{UNIT} /run/test-attempts.*; systemctl daemon-reload")
        host.run(f"systemctl reset-failed {UNIT}")


@pytest.mark.parametrize("name", sorted(MAY))
def test_a_compromised_service_can_do_its_own_work_and_nothing_else(host: Host, name: str) -> None:
    if host.run(f"systemctl cat {shlex.quote(name)}.service").rc != 0:
        pytest.skip(f"{name} is off on this machine")
    came = _tried(host, name)
    done = {attempt.name: attempt.said for attempt in came if not attempt.denied}
    assert done.keys() == MAY[name], {
        attempt.name: attempt.said for attempt in came if attempt.denied == (attempt.name in MAY[name])
    }


def test_every_unit_of_the_platform_that_is_not_roots_is_tried(host: Host) -> None:
    listed = host.check_output("systemctl list-unit-files --plain --no-legend 'milkbot-*.service'").splitlines()
    names = {line.split()[0].removesuffix(".service") for line in listed}
    users = {name: host.check_output(f"systemctl cat {shlex.quote(name)}.service") for name in names}
    found = {name: re.findall(r"^User=(\S+)", text, flags=re.MULTILINE)[-1:] for name, text in users.items()}
    ours = {name for name, user in found.items() if user and user[0].startswith("milkbot")}
    assert ours <= MAY.keys()
    assert {"milkbot-trader", "milkbot-rollups", "milkbot-analytics", "milkbot-dashboard"} <= ours


@pytest.fixture(scope="module")
def unbounded(host: Host) -> dict[str, bool]:
    """Whether both root without a sandbox, and the server's own superuser, are denied each attempt."""
    _put(host, "/run/test-attempts.py", LIST.read_text(encoding="utf-8"))
    run = f"cd /tmp && {PYTHON} -I -B -"
    root = _read(host.check_output(f"{run} </run/test-attempts.py"))
    server = _read(host.check_output(f"runuser -u postgres -- sh -c {shlex.quote(run)} </run/test-attempts.py"))
    host.run("rm -f /run/test-attempts.py")
    return {one.name: one.denied and other.denied for one, other in zip(root, server, strict=True)}


def test_the_list_notices_what_is_not_denied(unbounded: dict[str, bool]) -> None:
    """Each attempt succeeds for somebody, so that none of them is denied for a reason of its own."""
    roles = {f"come in as {role}" for role in _SERVICES}
    peer = {*roles, "come in as milkbot", "come in as milkbot_monitor", "come in as the owner without a password"}
    # By the log's own triggers.
    append_only = {"delete from the log", "rewrite the log", "empty the log"}
    assert {name for name, denied in unbounded.items() if denied} == peer | append_only
