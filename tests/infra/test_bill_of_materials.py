"""The packages of the Python index that the release on the machine has are those of its bill of materials."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from testinfra.host import Host
from tests.deploy.platform import ROOT

_INSTALLED = (
    "import importlib.metadata as m, json; print(json.dumps(sorted({(d.name, d.version) for d in m.distributions()})))"
)


def test_a_release_has_the_packages_of_its_bill_of_materials(host: Host, release: str, tmp_path: Path) -> None:
    # Nobody is asked for vulnerabilities here.
    environment = {**os.environ, "MILKBOT_OSV_URL": "http://127.0.0.1:9", "UV_HTTP_RETRIES": "0"}
    subprocess.run([ROOT / "bin/sbom", tmp_path], env=environment, check=True, stdout=subprocess.PIPE)
    version = host.check_output(f"{release}/venv/bin/python -c 'import sys; print(*sys.version_info[:2], sep=\".\")'")
    bill = json.loads((tmp_path / f"milkbot-python{version}.cdx.json").read_text("utf-8"))
    installed = json.loads(host.check_output(f"{release}/venv/bin/python -I -c '{_INSTALLED}'"))
    listed = [[row["name"], row["version"]] for row in bill["components"]]
    assert sorted(row for row in installed if row[0] != "milkbot") == sorted(listed)
