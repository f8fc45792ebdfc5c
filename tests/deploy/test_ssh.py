"""sshd of a machine that trades: a configuration that lets nobody in is taken back by the host itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.deploy.platform import Platform, said
from tests.deploy.running import reachable

_DROP_IN = "/etc/ssh/sshd_config.d/00-milkbot.conf"
_PROMISED_SECONDS = 120
# The timer, and what it started, as systemd noted them.
_SWITCH = (
    "journalctl --quiet --output=short-unix --since=-20min _PID=1 | "
    "grep -E '(Started {0}.timer|Start(ing|ed) {0}.service)' | tail -2"
)
# ufw runs it after its own rules.
_CUT = """
ufw --force disable
cp -p /etc/ufw/after.init /root/after.init
cat >/etc/ufw/after.init <<'EOF'
#!/bin/sh
[ "$1" != start ] || iptables -I ufw-before-input 1 -p tcp --dport 22 -j DROP
EOF
chmod 0755 /etc/ufw/after.init
"""


@pytest.fixture
def sshd(platform: Platform) -> Iterator[Platform]:
    before = platform.ssh(f"cat {_DROP_IN}")
    yield platform
    reachable(platform)
    assert platform.ssh(f"cat {_DROP_IN}") == before


def seconds_shut(platform: Platform, unit: str) -> float:
    """How long after the switch was set the host took the change back, by its own journal."""
    set_at, back_at = (float(line.split()[0]) for line in platform.ssh(_SWITCH.format(unit)).splitlines())
    return back_at - set_at


@pytest.mark.matrix
@pytest.mark.parametrize(
    "settings",
    [{"AuthorizedKeysFile": ".ssh/of_nobody"}, {"Port": 2222}, {"DenyUsers": "*"}],
    ids=["wrong keys", "wrong port", "nobody is let in"],
)
def test_a_configuration_that_locks_out_is_taken_back_within_two_minutes(
    sshd: Platform, settings: dict[str, Any]
) -> None:
    done = sshd.play("site.yml", "--tags", "ssh", ssh_settings=settings)
    assert done.returncode != 0
    assert "No fresh connection to" in said(done)
    reachable(sshd)
    assert seconds_shut(sshd, "milkbot-ssh-revert") < _PROMISED_SECONDS


@pytest.fixture
def by_socket(sshd: Platform) -> Iterator[Platform]:
    """systemd holds the port and starts sshd for who connects, as on Ubuntu."""
    sshd.ssh("systemctl disable --now ssh.service; systemctl enable --now ssh.socket")
    yield sshd
    reachable(sshd)
    sshd.ssh("systemctl disable --now ssh.socket; systemctl enable ssh.service; systemctl restart ssh.service")


@pytest.mark.matrix
def test_where_systemd_holds_the_port_the_role_applies_and_a_lock_out_is_taken_back(by_socket: Platform) -> None:
    by_socket.ssh(f"rm {_DROP_IN}")
    done = by_socket.play("site.yml", "--tags", "ssh")
    assert done.returncode == 0, said(done)
    assert by_socket.ssh("systemctl is-active ssh.socket") == "active"
    assert "logingracetime 30" in by_socket.ssh("sshd -T")
    done = by_socket.play("site.yml", "--tags", "ssh", ssh_settings={"DenyUsers": "*"})
    assert done.returncode != 0
    assert "No fresh connection to" in said(done)
    reachable(by_socket)
    assert seconds_shut(by_socket, "milkbot-ssh-revert") < _PROMISED_SECONDS
    assert by_socket.ssh("systemctl is-active ssh.socket") == "active"


@pytest.mark.matrix
def test_a_firewall_that_cuts_the_connection_is_turned_off_within_two_minutes(sshd: Platform) -> None:
    sshd.ssh(_CUT)
    try:
        done = sshd.play("site.yml", "--tags", "ufw")
        assert done.returncode != 0
        assert re.search("taken back|takes it back", said(done))
        reachable(sshd)
        assert seconds_shut(sshd, "milkbot-ufw-revert") < _PROMISED_SECONDS
    finally:
        reachable(sshd)
        sshd.ssh("mv /root/after.init /etc/ufw/after.init")
        done = sshd.play("site.yml", "--tags", "ufw")
    assert done.returncode == 0, said(done)


@pytest.mark.matrix
def test_a_file_that_sshd_reads_first_is_named_and_nothing_is_changed(sshd: Platform) -> None:
    other = "/etc/ssh/sshd_config.d/00-first.conf"
    sshd.ssh(f"echo 'PasswordAuthentication yes' >{other}; sed -i '/^LogLevel/d' {_DROP_IN}")
    try:
        done = sshd.play("site.yml", "--tags", "ssh")
    finally:
        sshd.ssh(f"rm {other}")
    assert done.returncode != 0
    assert "is read first, and says passwordauthentication yes" in said(done)
    assert "LogLevel" not in sshd.ssh(f"cat {_DROP_IN}")
    done = sshd.play("site.yml", "--tags", "ssh")
    assert done.returncode == 0, said(done)
    assert "LogLevel" in sshd.ssh(f"cat {_DROP_IN}")
