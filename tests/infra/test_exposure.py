"""What can be reached from outside, and what a compromised service could reach."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

PUBLIC_PORTS = {22, 80, 443}
LOCAL_PORTS = {5432, 8000, 8501}
# curl could not connect.
_NOT_CONNECTED = 7
UNITS = (
    *("milkbot-analytics", "milkbot-dashboard", "milkbot-trader", "milkbot-rollups"),
    *("milkbot-operator", "milkbot-act@one"),
)


def _listening(host: Host) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {"local": set(), "public": set()}
    for line in host.check_output("ss -Hltn").splitlines():
        address, _, port = line.split()[3].rpartition(":")
        found["local" if address in {"127.0.0.1", "[::1]"} else "public"].add(int(port))
    return found


def test_only_ssh_and_the_web_listen_on_public_addresses(host: Host) -> None:
    listening = _listening(host)
    assert listening["public"] == PUBLIC_PORTS
    assert listening["local"] >= LOCAL_PORTS


def test_the_firewall_allows_only_ssh_and_the_web(host: Host) -> None:
    status = host.check_output("ufw status verbose")
    assert "Status: active" in status
    assert "deny (incoming), allow (outgoing)" in status
    opened = {line.split("/")[0] for line in status.splitlines() if "ALLOW IN" in line}
    assert opened == {str(port) for port in PUBLIC_PORTS}


def test_connections_older_than_the_firewall_are_tracked_liberally(host: Host) -> None:
    assert host.sysctl("net.netfilter.nf_conntrack_tcp_be_liberal") == 1


def test_the_timer_that_reverts_the_firewall_is_stopped(host: Host) -> None:
    assert host.run("systemctl is-active milkbot-ufw-revert.timer").stdout.strip() != "active"


def test_plain_http_is_redirected_to_https(host: Host, domain: str) -> None:
    headers = host.check_output(f"curl -sI --resolve {domain}:80:127.0.0.1 http://{domain}/any?x=1").lower()
    assert "301 moved permanently" in headers
    assert f"location: https://{domain}/any?x=1" in headers


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "https://127.0.0.1/"])
def test_a_request_for_another_name_gets_no_answer(host: Host, url: str) -> None:
    assert host.run(f"curl -sk -o /dev/null -w '%{{http_code}}' {url}").stdout == "000"


def test_browsers_are_required_to_use_tls(host: Host, domain: str) -> None:
    headers = host.check_output(f"curl -skI --resolve {domain}:443:127.0.0.1 https://{domain}/health").lower()
    assert headers.startswith("http/2 200")
    assert "strict-transport-security: max-age=63072000" in headers
    assert "server: nginx\r" in headers + "\r"


def test_the_api_refuses_writes_from_outside(host: Host, domain: str) -> None:
    url = f"https://{domain}/api/v1/health"
    post = f"curl -sk -X POST -o /dev/null -w '%{{http_code}}' --resolve {domain}:443:127.0.0.1 {url}"
    assert host.run(post).stdout == "403"


def _exposure(host: Host, unit: str) -> float:
    overall = host.check_output(f"systemd-analyze security {unit}.service --no-pager").splitlines()[-1]
    return float(overall.split(":")[1].split()[0])


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_has_few_rights(host: Host, unit: str) -> None:
    assert _exposure(host, unit) <= 2.0


@pytest.mark.parametrize(
    "unit", ["nginx", "postgresql@*-main", "milkbot-wal@full", "milkbot-restore-drill", "milkbot-fence"]
)
def test_what_begins_as_root_has_few_rights_too(host: Host, unit: str) -> None:
    name = host.check_output(f"systemctl list-units --all --plain --no-legend '{unit}.service'").split()
    assert _exposure(host, name[0].removesuffix(".service") if name else unit) < 4.0


def test_the_fence_holds_for_each_service(host: Host) -> None:
    done = host.run("/opt/milkbot/deployment/scripts/fence.py check")
    found = json.loads(done.stdout)["rows"]
    assert {row["name"] for row in found} == {
        f"fence of milkbot-{name}" for name in ("dashboard", "analytics", "rollups")
    }
    assert [row for row in found if row["state"] != "ok"] == []


@pytest.mark.parametrize("user", ["milkbot-dashboard", "milkbot-analytics", "milkbot-simulator", "milkbot-operator"])
def test_a_service_user_outside_of_its_unit_connects_nowhere_either(host: Host, user: str) -> None:
    command = "curl --silent --insecure --max-time 20 --output /dev/null https://127.0.0.1/"
    # Refused at once: nothing listens for that name, but nginx takes the connection of everybody else.
    assert host.run(f"runuser -u {user} -- {command}").rc == _NOT_CONNECTED
    assert host.run(command).rc != _NOT_CONNECTED


def test_without_memory_the_kernel_takes_the_page_before_the_api_and_both_before_the_trader(host: Host) -> None:
    scores = []
    for unit in ("milkbot-dashboard", "milkbot-analytics", "nginx"):
        process = host.check_output(f"systemctl show --value --property=MainPID {unit}")
        scores.append(int(host.check_output(f"cat /proc/{process}/oom_score_adj")))
    # A container may not lower it: then these have what the others have by themselves.
    for unit in ("postgresql@*-main", "ssh"):
        process = host.check_output(f"systemctl show --value --property=MainPID '{unit}.service'").split()[0]
        scores.append(int(host.check_output(f"cat /proc/{process}/oom_score_adj")))
    assert scores[:3] == sorted(set(scores[:3]), reverse=True)
    assert max(scores[3:]) <= 0 < scores[2]


def test_unattended_upgrades_install_security_updates_alone_and_never_nginx(host: Host) -> None:
    settings = host.check_output("apt-config dump Unattended-Upgrade")
    assert 'Package-Blacklist:: "nginx"' in settings
    assert "-security" in settings
    assert 'Origins-Pattern:: "origin=Debian,codename=${distro_codename},label=Debian"' not in settings
