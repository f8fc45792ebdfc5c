"""What dashboard and alerts ask for is there: in our own metrics, or in what the exporters are known to tell."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from deployment.monitoring.grafana import dashboard
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import create_engine
from tests.metrics import names
from tests.roles.conftest import make_pair
from tests.roles.exported import EXPORTED
from tests.roles.promql import DASHBOARD, dashboard_queries, metrics_of, panels, promtool, rules
from tests.roles.rendering import ROOT, plugin

from milkbot.analytics import metrics as rollup_metrics
from milkbot.analytics.rollups import RollupReport
from milkbot.analytics.service.application import create_app
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ZERO, Cash
from milkbot.http import Traffic
from milkbot.load_settings import load_settings
from milkbot.risk.portfolio import Exposure
from milkbot.textfile import Page, recorded_run
from milkbot.trader import metrics as tick_metrics
from milkbot.trader.counts import TickCounts
from milkbot.trader.report import CityReport, TickReport
from milkbot_hostcheck.settings import table

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
JOBS = plugin("../deployment/monitoring/job-metrics.py")
STATE = {
    "at": "2026-11-25T02:00:41Z",
    "result": "good",
    "reason": "",
    "file": "/var/backups/milkbot/daily/milkbot_20261125_020000.sql.gz",
    "seconds": 12.3,
    "last_good_at": "2026-11-25T02:00:41Z",
    "last_good_file": "/var/backups/milkbot/daily/milkbot_20261125_020000.sql.gz",
    "taken_at": "2026-11-24T02:00:41Z",
}


def _text(page: Page) -> str:
    registry = CollectorRegistry()
    registry.register(page)
    return generate_latest(registry).decode()


def _of_a_tick() -> str:
    settings = load_settings({"TRADING_MODE": "shadow"})
    weather = {"NYC": CityReport(issued_at=NOW, observed_at=NOW)}
    report = TickReport(1, NOW, weather=weather, missing={"KXHIGHNY": 0})
    summary = tick_metrics.LedgerSummary(
        state=TradingState.ACTIVE,
        cash=Cash(Decimal(900)),
        portfolio_value=Cash(ZERO),
        balance_at=NOW,
        exposure=Exposure(Cash(Decimal(900))),
        positions=0,
        open_orders=Counter(),
        realized_today=Cash(ZERO),
        ticks_today=Counter(),
        counts_today=TickCounts(),
    )
    return _text(tick_metrics.page_of(settings, report, tick_metrics.ClientTraffic(Traffic(), Traffic(), 0.1), summary))


def _of_the_rollups() -> str:
    curve = rollup_metrics.CurveEnd("demo", Decimal(1), Decimal(2), Decimal(3))
    skill = rollup_metrics.ForecasterSkill("demo", "anchored", "day10", 7, 0.57, 0.58, "unproven", 3)
    return _text(rollup_metrics.page_of(RollupReport(1, 1, 1, 0), rollup_metrics.RollupState(0, (curve,), (skill,))))


def _of_a_run(directory: Path) -> str:
    with recorded_run(directory, "trader"):
        pass
    return (directory / "trader_run.prom").read_text("utf-8")


def _of_the_api() -> str:
    with TestClient(create_app(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))) as client:
        client.get("/v1/openapi.json")
        return client.get("/metrics").text


def _of_the_jobs(directory: Path) -> str:
    (directory / "drill.json").write_text(json.dumps(STATE), "utf-8")
    table = directory / "limits.json"
    table.write_text('{"tick_late_seconds": 900}', "ascii")
    return str(JOBS.render(directory, _certificate(directory), table))


def _certificate(directory: Path) -> Path:
    path = directory / "certificate.pem"
    path.write_text(make_pair().certificate, "ascii")
    return path


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all metrics that this repository's programs write."""
    texts = [
        _of_a_tick(),
        _of_the_rollups(),
        _of_a_run(tmp_path_factory.mktemp("run")),
        _of_the_api(),
        _of_the_jobs(tmp_path_factory.mktemp("jobs")),
    ]
    found = {name for text in texts for name in names(text)}
    assert all(name.startswith("milkbot_") for name in found)
    return found


def test_every_metric_of_a_panel_exists(ours: set[str]) -> None:
    queries = [*dashboard_queries(), *(rule["expr"] for rule in rules())]
    asked = {name for query in queries for name in metrics_of(query)}
    assert len(asked) > 60
    assert asked - ours - EXPORTED == set()


def test_every_listed_metric_of_an_exporter_is_used() -> None:
    queries = [*dashboard_queries(), *(rule["expr"] for rule in rules())]
    assert {name for query in queries for name in metrics_of(query)} >= EXPORTED


def test_metric_names_are_read_out_of_a_query() -> None:
    query = 'sum by (le) (rate(a_bucket{b="c_d", e=~"f|g"}[5m])) / on (h) group_left (i) max(j_total) > 0 unless k'
    assert metrics_of(query) == {"a_bucket", "j_total", "k"}


def test_every_metric_is_documented(ours: set[str]) -> None:
    documented = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in ours}
    assert [name for name in sorted(bare) if f"`{name}" not in documented] == []


def test_promtool_finds_no_fault_in_the_metrics(ours: set[str], tmp_path: Path) -> None:
    assert ours
    for text in (_of_a_tick(), _of_the_rollups(), _of_the_api(), _of_the_jobs(tmp_path)):
        file = tmp_path / "metrics.txt"
        file.write_text(text, "utf-8")
        with file.open(encoding="utf-8") as stream:
            done = promtool("check", "metrics", stdin=stream)
        assert done.stdout + done.stderr == ""


def test_prometheus_accepts_the_query_of_every_panel(tmp_path: Path) -> None:
    queries = dashboard_queries()
    document = {
        "groups": [
            {"name": "panels", "rules": [{"record": f"panel:{n}", "expr": query} for n, query in enumerate(queries)]}
        ]
    }
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stderr
    assert f"{len(queries)} rules found" in done.stdout


def test_every_panel_is_explained_and_shows_the_chosen_host() -> None:
    assert len(list(panels())) > 30
    for panel in panels():
        assert panel["title"]
        for target in panel["targets"]:
            assert 'instance="$instance"' in target["expr"] or "ALERTS" in target["expr"]
            assert target["datasource"]["uid"] == "${datasource}"


def test_no_panels_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24
                assert (x, y) not in taken, (panel["title"], taken[x, y])
                taken[x, y] = panel["title"]


def test_the_dashboard_begins_with_the_health_of_the_host() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Health", "Money", "Orders", "Latency", "Host"]


def test_every_panel_has_its_own_number_and_every_query_of_a_panel_its_own_letter() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in panels():
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters), panel["title"]


def _print_dashboard(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = ROOT / "deployment/monitoring/grafana.py"
    return subprocess.run([sys.executable, program, *arguments], check=False, capture_output=True, text=True)


def _steps(page: dict[str, Any]) -> dict[str, list[tuple[str, float | None]]]:
    """From which value each color of a panel holds."""
    found = {
        panel["title"]: panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        for panel in page["panels"]
        if panel["type"] == "stat"
    }
    return {title: [(step["color"], step["value"]) for step in steps] for title, steps in found.items()}


def test_the_program_prints_the_dashboard() -> None:
    done = _print_dashboard()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == DASHBOARD


def test_the_colors_follow_the_limits_of_the_host(tmp_path: Path) -> None:
    given = {"backup_grace_hours": 4, "drill_fail_days": 20, "certificate_warn_days": 30, "tick_fail_intervals": 2}
    (tmp_path / "limits.json").write_text(json.dumps(table(given, 20, 30)), "utf-8")
    printed = json.loads(_print_dashboard("--limits", tmp_path / "limits.json").stdout)
    steps = _steps(printed)
    assert steps["Since the last tick"] == [("green", None), ("orange", 28 * 60), ("red", 40 * 60)]
    assert steps["Since the rollups"] == [("green", None), ("orange", 40 * 60), ("red", 90 * 60)]
    assert steps["Last good backup"] == [("green", None), ("orange", 26 * 3600), ("red", 28 * 3600)]
    assert steps["Last proved backup"] == [("green", None), ("orange", 8 * 86400), ("red", 20 * 86400)]
    assert steps["Certificate"] == [("red", None), ("orange", 3 * 86400), ("green", 30 * 86400)]
    (tick,) = [panel for panel in printed["panels"] if panel["title"] == "Since the last tick"]
    assert tick["description"] == "One runs every 20 minutes; after 40 it is late."


def test_the_steps_of_every_panel_rise() -> None:
    for limits in (table({}), table({"tick_fail_intervals": 1, "rollup_fail_intervals": 1, "backup_grace_hours": 0})):
        for title, steps in _steps(dashboard(limits)).items():
            assert steps[0][1] is None
            values = [value for _, value in steps[1:] if value is not None]
            assert values == sorted(set(values)), title


@pytest.mark.parametrize("text", ["", "[1]", '{"tick_late_seconds": "soon"}', '{"tick_late_seconds": null}'])
def test_the_program_refuses_a_file_that_is_no_table_of_limits(tmp_path: Path, text: str) -> None:
    file = tmp_path / "limits.json"
    file.write_text(text, "utf-8")
    done = _print_dashboard("--limits", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{file} is not a table of limits" in done.stderr
