"""Deploys on the machine that Molecule provisioned: bin/test molecule deploy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.deploy.platform import Platform, Versions


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The machine that the environment names."""
    machine = os.environ.get("MILKBOT_E2E_MACHINE")
    if not machine:
        pytest.skip("no machine to deploy to; run: bin/test molecule deploy")
    return Platform(
        machine=machine,
        address=os.environ["MILKBOT_E2E_ADDRESS"],
        authority=Path(os.environ["MILKBOT_E2E_CA"]),
        inventory=Path(os.environ["MILKBOT_E2E_INVENTORY"]),
        versions=Versions.clone(tmp_path_factory.mktemp("versions") / "milkbot"),
    )


@pytest.fixture(scope="module", autouse=True)
def _one_release(platform: Platform) -> None:
    """Each file begins with the live release alone: there is no earlier release."""
    others = 'grep -vxF "$(basename "$(readlink /opt/milkbot/current)")"'
    platform.ssh(f"cd /opt/milkbot/releases && ls -1 | {others} | xargs --no-run-if-empty rm -rf")
