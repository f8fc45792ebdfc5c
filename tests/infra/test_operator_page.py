"""The operator's page on the machine: who reaches it, and that its processes hold nothing that they need not."""

from __future__ import annotations

import errno

import pytest
from testinfra.host import Host

RUN = "/run/milkbot-operator"
PAGE = f"curl -sS --max-time 60 --unix-socket {RUN}/web.sock http://localhost:8502/"
# Its answer is a number, whatever language the machine speaks.
CONNECT = "import socket, sys; print(socket.socket(socket.AF_UNIX).connect_ex(sys.argv[1]))"


def test_root_sees_the_page_with_the_name_of_who_looks(host: Host) -> None:
    shown = host.check_output(PAGE)
    assert 'data-testid="state"' in shown
    assert '<span data-testid="user">root via ssh</span>' in shown


@pytest.mark.parametrize(
    "user", ["milkbot", "milkbot-rollups", "milkbot-analytics", "milkbot-dashboard", "nobody", "www-data"]
)
def test_no_other_user_reaches_the_page_or_acts(host: Host, user: str) -> None:
    for name in ("web.sock", "act.sock"):
        asked = host.run(f"cd / && runuser -u {user} -- python3 -c %s {RUN}/{name}", CONNECT)
        assert asked.stdout.strip() == str(errno.EACCES), asked.stderr


def test_the_pages_process_holds_no_secret_and_no_network(host: Host) -> None:
    host.check_output(PAGE)
    pid = host.check_output("systemctl show -P MainPID milkbot-operator.service")
    environment = host.check_output(f"tr '\\0' '\\n' </proc/{pid}/environ")
    assert "POSTGRES_USER=milkbot_operator" in environment
    assert not [line for line in environment.splitlines() if "PASSWORD" in line or "KALSHI" in line]
    for path in ("/opt/milkbot/.env", "/opt/milkbot/kalshi_private_key.pem"):
        assert host.run(f"nsenter -t {pid} -m -S $(id -u milkbot-operator) cat {path}").rc != 0
    families = host.check_output("systemctl show -P RestrictAddressFamilies milkbot-operator.service")
    assert families == "AF_UNIX"


def test_the_role_of_the_page_may_only_read(host: Host) -> None:
    sql = "cd / && runuser -u milkbot-operator -- psql -h /run/postgresql -U milkbot_operator -d milkbot -XAtc %s"
    assert host.run(sql, "SELECT count(*) >= 0 FROM ops.orders").stdout.strip() == "t"
    assert "permission denied" in host.run(sql, "DELETE FROM ops.trading_holds").stderr


def test_the_health_checks_result_is_for_the_page_alone(host: Host) -> None:
    host.run("/opt/milkbot/deployment/scripts/healthcheck.sh --alert")
    file = host.file(f"{RUN}/health.json")
    assert (file.user, file.group, file.mode) == ("root", "milkbot-operator", 0o640)
