"""What the roles ssh and hardening do, by effect on the machine."""

from __future__ import annotations

import pytest
from testinfra.host import Host


def test_sshd_takes_keys_alone_and_forwards_for_the_operators_alone(host: Host) -> None:
    said = set(host.check_output("sshd -T").splitlines())
    assert {"passwordauthentication no", "kbdinteractiveauthentication no", "permitrootlogin no"} <= said
    assert {"allowtcpforwarding no", "allowagentforwarding no", "allowstreamlocalforwarding no"} <= said
    operator = host.check_output("sshd -T -C user=admin,host=h,addr=192.0.2.1").splitlines()
    assert {"allowstreamlocalforwarding local", "permitopen [/run/milkbot-operator/web.sock]:*"} <= set(operator)


def test_the_timer_that_takes_sshds_configuration_back_is_stopped(host: Host) -> None:
    assert host.run("systemctl is-active milkbot-ssh-revert.timer").stdout.strip() != "active"


def test_no_login_and_no_service_dumps_its_memory(host: Host) -> None:
    assert host.check_output("bash -c 'ulimit -Hc'") == "0"
    assert host.check_output("systemctl show --value --property=DefaultLimitCORE") == "0"
    assert host.check_output("systemctl show --value --property=LimitCORE milkbot-dashboard.service") == "0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net.ipv4.conf.all.accept_redirects", 0),
        ("net.ipv4.conf.all.send_redirects", 0),
        ("net.ipv4.conf.all.rp_filter", 1),
        ("net.ipv6.conf.default.accept_redirects", 0),
        ("net.ipv4.tcp_syncookies", 1),
    ],
)
def test_the_kernels_network_runs_with_the_settings(host: Host, name: str, value: int) -> None:
    assert host.sysctl(name) == value
