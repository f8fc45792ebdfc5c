"""What can be reached from outside, and what a compromised service could reach."""

from __future__ import annotations

import pytest
from testinfra.host import Host

PUBLIC_PORTS = {22, 80, 443}
LOCAL_PORTS = {5432, 8000, 8501}
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


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_has_few_rights(host: Host, unit: str) -> None:
    overall = host.check_output(f"systemd-analyze security {unit}.service --no-pager").splitlines()[-1]
    score = float(overall.split(":")[1].split()[0])
    assert score <= 2.0


def test_unattended_upgrades_install_security_updates_alone_and_never_nginx(host: Host) -> None:
    settings = host.check_output("apt-config dump Unattended-Upgrade")
    assert 'Package-Blacklist:: "nginx"' in settings
    assert "-security" in settings
    assert 'Origins-Pattern:: "origin=Debian,codename=${distro_codename},label=Debian"' not in settings
