"""bin/sbom: the bills of materials, the licences, and the question for known vulnerabilities."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from testrun.parts import ROOT

# Each lets a program that is used on a server, and not passed on, be under any licence of its own.
_ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "LGPL-3.0-only",
    "License :: OSI Approved :: Apache Software License",
    "License :: OSI Approved :: BSD License",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "Zlib",
}
# Their metadata name no licence. What the file LICENSE of the wheel says was read for this version line.
_READ_IN_THE_WHEEL = {"protobuf": "BSD-3-Clause", "pydeck": "Apache-2.0"}
_PYTHONS = {
    system["_milkbot_python"].removeprefix("/usr/bin/python")
    for file in (ROOT / "roles/milkbot/vars").glob("*-*.yml")
    if (system := yaml.safe_load(file.read_text("utf-8")))
}
_RELEASES = [f"milkbot-python{version}" for version in _PYTHONS]
_BILLS = ["host-tools", *_RELEASES]
_LOCKED = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
_ROW = re.compile(r"^(milkbot|host-tools) +(\S+) +(\S+) +(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """What the command wrote and printed."""

    directory: Path
    code: int
    text: str

    def bill(self, name: str) -> dict[str, Any]:
        """One of the bills of materials."""
        found: dict[str, Any] = json.loads((self.directory / f"{name}.cdx.json").read_text("utf-8"))
        return found


@contextmanager
def _osv(vulnerable: str) -> Iterator[str]:
    """A service as osv.dev's, which knows of one vulnerable package."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
            found = [query["package"]["name"] == vulnerable for query in asked]
            self._answer({"results": [{"vulns": [{"id": "OSV-1", "modified": _TIME}]} if bad else {} for bad in found]})

        def do_GET(self) -> None:
            ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}]
            affected = [{"package": {"ecosystem": "PyPI", "name": vulnerable}, "ranges": ranges}]
            self._answer({"id": "OSV-1", "summary": "a hole", "modified": _TIME, "affected": affected})

        def _answer(self, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


_TIME = "2026-01-01T00:00:00Z"


def _sbom(directory: Path, osv: str) -> Said:
    environment = {**os.environ, "MILKBOT_OSV_URL": osv, "UV_HTTP_RETRIES": "0"}
    run = subprocess.run(
        [ROOT / "bin/sbom", directory],
        check=False,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Said(directory, run.returncode, run.stdout)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What is said where nothing answers for osv.dev."""
    return _sbom(tmp_path_factory.mktemp("sbom"), "http://127.0.0.1:9")


def test_a_bill_of_materials_is_valid_cyclonedx(said: Said) -> None:
    text = (said.directory / "host-tools.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_there_is_a_bill_for_each_python_that_a_host_may_have(said: Said) -> None:
    assert {path.name for path in said.directory.iterdir()} == {f"{name}.cdx.json" for name in _BILLS}
    systems = json.loads((ROOT / "tools/testrun/systems.json").read_text("utf-8"))
    assert {row["python"] for name, row in systems.items() if name.startswith("debian")} <= _PYTHONS


def test_every_version_that_the_lock_pins_for_some_python_is_in_its_bill(said: Said) -> None:
    pinned: dict[str, set[str]] = defaultdict(set)
    for row in _LOCKED:
        pinned[row["name"]].add(row["version"])
    bills = [dict(_pinned(row) for row in said.bill(name)["components"]) for name in _RELEASES]
    found = {package: {bill[package] for bill in bills} for package in bills[0]}
    assert found == {package: pinned[package] for package in found}


def test_the_bills_have_what_the_lock_pins_and_every_direct_dependency(said: Said) -> None:
    pinned = {(row["name"], row["version"]) for row in _LOCKED}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = {name: {_pinned(row) for row in said.bill(name)["components"]} for name in _BILLS}
    assert set.union(*listed.values()) <= pinned
    # What the role installs on a host with alerts, by hash; not what only another system gets.
    alerts = re.findall(r"^([\w-]+)==(\S+) \\$", (ROOT / "requirements/alerts.txt").read_text("utf-8"), re.MULTILINE)
    assert {row for row in listed["host-tools"] if row[0] != "uv"} == set(alerts)
    direct = {re.match(r"[\w-]+", one)[0] for one in project["dependencies"]}  # type: ignore[index] # each has a name
    for release in _RELEASES:
        assert direct <= {name for name, _ in listed[release]}
    assert "uv" in {name for name, _ in listed["host-tools"]}


def _named(component: dict[str, Any]) -> tuple[str, str]:
    return component["name"], component["version"]


def _pinned(component: dict[str, Any]) -> tuple[str, str]:
    return re.sub(r"[-_.]+", "-", component["name"]).lower(), component["version"]


def test_every_package_of_a_host_has_a_licence_that_allows_its_use(said: Said) -> None:
    rows = _ROW.findall(said.text)
    listed = {(name.partition("-python")[0], *_named(row)) for name in _BILLS for row in said.bill(name)["components"]}
    assert {row[:3] for row in rows} == listed
    found = {package: _READ_IN_THE_WHEEL.get(package, licence) for _, package, _, licence in rows}
    assert {package: text for package, text in found.items() if not _allowed(text)} == {}
    assert set(_READ_IN_THE_WHEEL) <= set(found)


def _allowed(licence: str) -> bool:
    return all(any(term.strip() in _ALLOWED for term in part.split(" OR ")) for part in licence.split(" AND "))


def test_where_vulnerabilities_cannot_be_checked_it_says_so(said: Said) -> None:
    assert said.code == 0, said.text
    assert re.search(r"^milkbot: vulnerabilities not checked: .+$", said.text, re.MULTILINE), said.text


def test_a_package_with_a_known_vulnerability_is_named_and_fails(tmp_path: Path) -> None:
    with _osv("jinja2") as address:
        found = _sbom(tmp_path, address)
    assert found.code == 1
    assert re.search(r"^jinja2 \S+ has 1 known vulnerability", found.text, re.MULTILINE), found.text
    with _osv("nothing") as address:
        assert _sbom(tmp_path, address).code == 0
