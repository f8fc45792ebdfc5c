"""The firewall of a machine that trades: no rule of the operator's is taken or widened, and nobody is locked out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.deploy.platform import Platform, said

OURS = "ufw allow 22/tcp comment 'Milkbot ssh'"
THEIRS = ["ufw limit 22/tcp", "ufw allow from 10.0.0.0/8 to any port 22 proto tcp"]
SHOWN = "ufw show added | grep -E '22|OpenSSH' || true"
# In one command: between two the next connection would be kept out.
_AWAY = "ufw delete allow 22/tcp; ufw delete limit 22/tcp; ufw delete {0} from 10.0.0.0/8 to any port 22 proto tcp"


@pytest.fixture
def firewall(platform: Platform) -> Iterator[Platform]:
    try:
        yield platform
    finally:
        platform.ssh("; ".join([_AWAY.format("allow"), _AWAY.format("limit"), OURS]))


def _rules(platform: Platform) -> list[str]:
    return platform.ssh(SHOWN).splitlines()


def test_the_operators_own_rules_for_ssh_are_kept_and_none_is_added(firewall: Platform) -> None:
    firewall.ssh("; ".join([_AWAY.format("allow"), *THEIRS]))
    done = firewall.play("site.yml", "--tags", "ufw")
    assert done.returncode == 0, said(done)
    assert _rules(firewall) == THEIRS


@pytest.mark.matrix
def test_ssh_is_restricted_to_a_network_unless_that_locks_the_operator_out(firewall: Platform) -> None:
    firewall.ssh("; ".join([_AWAY.format("allow"), OURS]))
    done = firewall.play("site.yml", "--tags", "ufw", ufw_ssh_from=["203.0.113.0/24"])
    assert done.returncode != 0
    assert "ufw_ssh_from = does not let this connection in" in " ".join(done.stdout.split())
    assert _rules(firewall) == [OURS]
    done = firewall.play("site.yml", "--tags", "ufw", ufw_ssh_from=["10.0.0.0/8"], ufw_ssh_limit=True)
    assert done.returncode == 0, said(done)
    assert _rules(firewall) == ["ufw limit from 10.0.0.0/8 to any port 22 proto tcp comment 'Milkbot ssh'"]
    assert firewall.ssh("systemctl is-active milkbot-ufw-revert.timer || true").strip() == "inactive"
