"""A package with forecasters on a machine that trades: in by one variable, asked in shadow, and out without a trace."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.deploy.platform import Platform, run, said

DROP_IN = "/run/systemd/system/milkbot-trader.service.d/forecasters.conf"
VARIABLES = "/run/test-forecasters.env"
FAILING = {
    "raising": ("raise RuntimeError('no model')", "forecaster_failed"),
    "sleeping": ("import time; time.sleep(9999)", "forecaster_late"),
    "babbling": ("return ['high'] * len(inputs.brackets)", "forecaster_nonsense"),
}
CLASS = """

class {name}(Forecaster):
    name = "{name}"

    def forecast(self, inputs):
        {does}
"""


def make_package(directory: Path) -> str:
    """The wheel of the package that `milkbot forecaster new` writes, with forecasters that fail beside its own."""
    programs = Path(sys.executable).parent
    run(programs / "milkbot", "forecaster", "new", "deployed", cwd=directory)
    package = directory / "deployed"
    project, module = package / "pyproject.toml", package / "src/milkbot_forecaster_deployed/__init__.py"
    entry = 'deployed = "milkbot_forecaster_deployed:Forecaster"\n'
    entries = "".join(f'{name} = "milkbot_forecaster_deployed:{name}"\n' for name in FAILING)
    project.write_text(project.read_text("utf-8").replace(entry, entry + entries), "utf-8")
    classes = "".join(CLASS.format(name=name, does=does) for name, (does, _) in FAILING.items())
    module.write_text(module.read_text("utf-8") + classes, "utf-8")
    run(programs / "uv", "build", "--quiet", "--offline", "--wheel", "--out-dir", str(directory), cwd=package)
    (wheel,) = directory.glob("*.whl")
    return str(wheel)


def sql(platform: Platform, query: str) -> list[list[str]]:
    """The rows of a query."""
    said_rows = platform.ssh(f'cd / && runuser -u postgres -- psql -XqAt milkbot -c "{query}"')
    return [line.split("|") for line in said_rows.splitlines()]


@contextmanager
def challengers(platform: Platform, *names: str) -> Iterator[None]:
    """The trader's unit with these in shadow, while no timer starts it."""
    # A file, as the unit's own: it overrides what Environment= says.
    directory = DROP_IN.rpartition("/")[0]
    platform.ssh(f"systemctl stop milkbot-trader.timer; mkdir -p {directory}")
    platform.ssh(f"echo FORECASTER_SHADOW={','.join(names)} >{VARIABLES}")
    platform.ssh(f"printf '[Service]\\nEnvironmentFile={VARIABLES}\\n' >{DROP_IN}")
    platform.ssh("systemctl daemon-reload")
    try:
        yield
    finally:
        platform.ssh(f"rm -r {directory} {VARIABLES}; systemctl daemon-reload; systemctl start milkbot-trader.timer")


def asked(platform: Platform, *names: str) -> dict[str, set[str]]:
    """The reasons of each challenger in a tick of the trader's own unit; an empty one is a distribution."""
    with challengers(platform, *names):
        platform.ssh("systemctl start milkbot-trader.service")
    (tick, outcome), *_ = sql(platform, "SELECT id, outcome FROM ops.ticks ORDER BY id DESC LIMIT 1")
    assert outcome == "completed"
    query = f"SELECT forecaster, reason FROM ops.forecasts WHERE tick_id = {tick} AND NOT is_live"
    found: dict[str, set[str]] = {}
    for name, reason in sql(platform, query):
        found.setdefault(name, set()).add(reason)
    return found


@pytest.mark.matrix
def test_a_package_comes_in_by_one_variable_runs_in_shadow_and_leaves_without_a_trace(
    platform: Platform, tmp_path: Path
) -> None:
    before, wheel = platform.live(), make_package(tmp_path)
    commit = platform.record(before)["commit"]
    done = platform.play("update.yml", version=commit, release_forecaster_packages=[wheel])
    assert done.returncode == 0, said(done)
    with_package = platform.live()
    assert with_package != before, "a release with another package is another release"
    assert list(platform.record(with_package)["wheels"]) == [Path(wheel).name]
    listed = {row["name"]: row for row in json.loads(platform.ssh("milkbot forecaster list --json"))}
    assert {row["problem"] for row in listed.values()} == {""}
    assert listed["normal"]["use"] == "live"
    assert {"deployed", *FAILING} <= listed.keys()

    orders = "SELECT DISTINCT strategy_name FROM ops.orders WHERE strategy_name IN ('deployed', 'raising')"
    assert asked(platform, "deployed") == {"deployed": {""}}
    late = {"forecaster_late"}
    for name, reasons in asked(platform, *FAILING).items():
        assert FAILING[name][1] in reasons, f"{name}: {reasons}"
        assert reasons <= {FAILING[name][1]} | late, f"{name}: {reasons}"
    assert sql(platform, orders) == []

    again = platform.play("update.yml", version=commit, release_forecaster_packages=[wheel])
    assert "Nothing to deploy" in said(again)
    gone = platform.play("update.yml", version=commit)
    assert gone.returncode == 0, said(gone)
    assert platform.live() == before
    assert platform.ssh("find -L /opt/milkbot/current -iname '*deployed*'") == ""
    assert "deployed" not in platform.ssh("milkbot forecaster list --json")
