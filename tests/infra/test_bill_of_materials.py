"""The packages of the Python index on the machine are those of the bills of materials."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from testinfra.host import Host
from tests.deploy.platform import ROOT

_INSTALLED = (
    "import importlib.metadata as m, json; print(json.dumps(sorted({(d.name, d.version) for d in m.distributions()})))"
)
_TOOLS = "/opt/milkbot-tools"


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bills of materials of this checkout."""
    directory = tmp_path_factory.mktemp("sbom")
    # Nobody is asked for vulnerabilities here.
    environment = {**os.environ, "MILKBOT_OSV_URL": "http://127.0.0.1:9", "UV_HTTP_RETRIES": "0"}
    subprocess.run([ROOT / "bin/sbom", directory], env=environment, check=True, stdout=subprocess.PIPE)
    return directory


def _listed(bill: Path) -> set[tuple[str, str]]:
    return {(row["name"], row["version"]) for row in json.loads(bill.read_text("utf-8"))["components"]}


def _installed(host: Host, python: str) -> set[tuple[str, str]]:
    return {(name, version) for name, version in json.loads(host.check_output(f"{python} -I -c '{_INSTALLED}'"))}


def test_a_release_has_the_packages_of_its_bill_of_materials(host: Host, release: str, bills: Path) -> None:
    installed = {row for row in _installed(host, f"{release}/venv/bin/python") if row[0] != "milkbot"}
    assert installed == _listed(bills / "milkbot.cdx.json")


def test_the_alerts_have_the_packages_of_their_bill_of_materials(host: Host, bills: Path) -> None:
    # uv has no environment of its own: it is one program.
    tools = {row for row in _listed(bills / "host-tools.cdx.json") if row[0] != "uv"}
    assert _installed(host, f"{_TOOLS}/alerts/bin/python") == tools
