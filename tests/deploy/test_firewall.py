"""The firewall of a machine that trades: no rule of the operator's is taken or widened, and nobody is locked out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.deploy.platform import Platform, said

OURS = "ufw allow 22/tcp comment 'Milkbot ssh'"
SHOWN = "ufw show added | grep -E '22|OpenSSH' || true"


@pytest.fixture
def firewall(platform: Platform) -> Iterator[Platform]:
    """Without a rule for ssh; packets of the connection that is there are let through."""
    platform.ssh("ufw delete allow 22/tcp")
    try:
        yield platform
    finally:
        # Added first, so that ssh comes in at every moment.
        gone = "ufw delete limit 22/tcp; ufw delete allow from 10.0.0.0/8 to any port 22 proto tcp"
        platform.ssh(f"ufw allow 22/tcp; ufw delete limit from 10.0.0.0/8 to any port 22 proto tcp; {gone}; {OURS}")


def _rules(platform: Platform) -> list[str]:
    return platform.ssh(SHOWN).splitlines()


def test_the_operators_rules_for_ssh_stay_the_only_ones(firewall: Platform) -> None:
    theirs = ["ufw limit 22/tcp", "ufw allow from 10.0.0.0/8 to any port 22 proto tcp"]
    firewall.ssh("; ".join(theirs))
    done = firewall.play("site.yml", "--tags", "ufw")
    assert done.returncode == 0, said(done)
    assert _rules(firewall) == theirs


@pytest.mark.matrix
def test_ssh_is_narrowed_and_who_would_be_locked_out_is_refused(firewall: Platform) -> None:
    firewall.ssh(OURS)
    done = firewall.play("site.yml", "--tags", "ufw", ufw_ssh_from=["203.0.113.0/24"])
    assert done.returncode != 0
    assert "ufw_ssh_from = does not let this connection in" in " ".join(done.stdout.split())
    assert _rules(firewall) == [OURS]
    done = firewall.play("site.yml", "--tags", "ufw", ufw_ssh_from=["10.0.0.0/8"], ufw_ssh_limit=True)
    assert done.returncode == 0, said(done)
    assert _rules(firewall) == ["ufw limit from 10.0.0.0/8 to any port 22 proto tcp comment 'Milkbot ssh'"]
    assert firewall.ssh("systemctl is-active milkbot-ufw-revert.timer || true").strip() == "inactive"
