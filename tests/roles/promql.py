"""Prometheus' own tool, and what our rules and the dashboard ask for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
import yaml
from deployment.monitoring.grafana import dashboard
from tests.patience import PATIENCE

from milkbot_hostcheck.settings import table

MONITORING = Path(__file__).resolve().parents[2] / "deployment/monitoring"
ALERTS = MONITORING / "alerts.yml"
# Of a host with the usual limits.
DASHBOARD = dashboard(table({}))

# Whatever Grafana puts in for them, the query has to be one that Prometheus understands.
_VARIABLES = {"$__rate_interval": "5m", "$__range": "1d", "$instance": "milkbot.test", "$mode": "demo"}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LABELS = re.compile(r"\{[^}]*\}")
_DURATION = re.compile(r"\[[^\]]*\]")
_MATCHING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
# What is followed by a parenthesis is a function.
_NAME = re.compile(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*\b(?!\s*\()")
_WORDS = {"and", "or", "unless", "bool", "offset", "group_left", "group_right"}


def promtool(*arguments: str | Path, stdin: TextIO | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool, which bin/test brings."""
    program = shutil.which("promtool")
    if program is None:
        pytest.fail("promtool is not installed; bin/test brings it (need_promtool in bin/lib/bootstrap.sh)")
    return subprocess.run(
        [program, *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE, stdin=stdin
    )


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> Iterator[dict[str, Any]]:
    """Every panel of the dashboard, without its rows."""
    for panel in DASHBOARD["panels"]:
        if panel["type"] != "row":
            yield panel


def dashboard_queries() -> list[str]:
    """What the panels ask, their variables filled in."""
    return [filled(target["expr"]) for panel in panels() for target in panel.get("targets", [])]


def filled(query: str) -> str:
    """The query with a value for each of Grafana's variables."""
    for name, value in _VARIABLES.items():
        query = query.replace(name, value)
    assert "$" not in query, f"a variable that the tests do not know: {query}"
    return query


def metrics_of(query: str) -> set[str]:
    """The names of the metrics that a query reads."""
    bare = _STRING.sub("", query)
    for pattern in (_LABELS, _DURATION, _MATCHING):
        bare = pattern.sub("", bare)
    return {name for name in _NAME.findall(bare) if name not in _WORDS}
