"""Checks of a provisioned machine, over ssh: pytest tests/infra --hosts='ssh://NAME?sudo=true' --ssh-config=FILE."""

from __future__ import annotations

import pytest
from testinfra.host import Host


@pytest.fixture(autouse=True)
def _only_with_a_machine(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--hosts"):
        pytest.skip("no machine to test; name one: --hosts='ssh://NAME?sudo=true' --ssh-config=FILE")


@pytest.fixture
def domain(host: Host) -> str:
    """The name under which this machine serves."""
    return str(host.check_output("sed -n 's/^DOMAIN=//p' /etc/milkbot/health.env"))


@pytest.fixture
def release(host: Host) -> str:
    """The directory of the release that runs."""
    return str(host.check_output("readlink -f /opt/milkbot/current"))
