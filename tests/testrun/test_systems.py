"""The tables of packages agree with what the supported systems carry; the host's code with their oldest Python."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from testrun import systems
from testrun.parts import ROOT, build, host_python

_VARS = ROOT / "roles/milkbot/vars"
_OLDEST_OF_OURS = tuple(
    map(int, re.findall(r"\d+", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]))
)
_OLDEST_POSTGRES = 15


def _table(system: str) -> dict[str, object]:
    table: dict[str, object] = yaml.safe_load((_VARS / f"{system}.yml").read_text(encoding="utf-8"))
    return table


def test_every_supported_system_has_its_facts_with_their_source() -> None:
    supported = yaml.safe_load((_VARS / "main.yml").read_text(encoding="utf-8"))["milkbot_supported"]
    assert sorted(systems.supported()) == sorted(supported)
    for name, system in systems.supported().items():
        assert all(source.startswith("http") for source in system["sources"]), name
        assert re.match(r"\d{4}-\d\d-\d\d", system["read"]), name
        assert system["versions"]["python3"].startswith(f"{system['python']}."), name
        assert system["versions"]["postgresql"].startswith(f"{system['postgresql']}+"), name


@pytest.mark.parametrize("name", systems.supported())
def test_a_systems_own_python_and_postgresql_are_used_if_new_enough(name: str) -> None:
    system, table = systems.supported()[name], _table(name)
    python = tuple(map(int, system["python"].split(".")))
    repositories = []
    if python < _OLDEST_OF_OURS:
        repositories.append("deadsnakes")
    else:
        assert table["_milkbot_python"] == f"/usr/bin/python{system['python']}"
    if system["postgresql"] < _OLDEST_POSTGRES:
        repositories.append("pgdg")
    else:
        assert table["_milkbot_postgres_version"] == system["postgresql"]
    assert table["_milkbot_repositories"] == repositories


@pytest.mark.parametrize("name", systems.supported())
def test_the_packages_of_python_are_of_the_version_that_runs(name: str) -> None:
    table = _table(name)
    python = Path(str(table["_milkbot_python"])).name
    assert table["_milkbot_python_packages"] == [python, f"{python}-venv", f"{python}-dev"]


def test_lint_checks_the_hosts_code_with_the_oldest_python(tmp_path: Path) -> None:
    (lint,) = build(["lint"])
    (vermin,) = [command for command in lint.commands if command[0] == "vermin"]
    assert set(host_python()) <= set(vermin)
    newer = tmp_path / "newer.py"
    newer.write_text("import datetime as dt\nprint(dt.datetime.now(dt.UTC))\n", encoding="ascii")
    options = [word for word in vermin if word not in host_python()]
    done = subprocess.run([*options, str(newer)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "'datetime.UTC' member requires" in done.stdout


def test_ruff_targets_the_oldest_python_for_the_hosts_code() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    assert set(ruff["per-file-target-version"].values()) == {f"py{systems.oldest_python().replace('.', '')}"}
    patterns = [pattern.replace("**", "*") for pattern in ruff["per-file-target-version"]]
    assert not [path for path in host_python() if not any(fnmatch(path, pattern) for pattern in patterns)]


@pytest.mark.parametrize("folder", ["deployment/scripts", "roles/lock/library", "roles/lock/module_utils"])
def test_every_folder_that_reaches_a_host_is_checked(folder: str) -> None:
    assert any(path.startswith(f"{folder}/") for path in host_python())
