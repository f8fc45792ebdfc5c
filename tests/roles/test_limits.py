"""One table of limits: the roles write it, every program reads it, and nobody spells one a second time."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from tests.roles.rendering import ROLES, ROOT, evaluate, plugin

from milkbot_hostcheck.asking import Answer
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.settings import Limits, read, table

FILTER = plugin("milkbot/filter_plugins/limits.py").FilterModule().filters()["limits_table"]
JOBS = plugin("../deployment/monitoring/job-metrics.py")
# What compares a measure of the host with a number: a limit that is not of the table.
_NUMBER_IN_A_RULE = re.compile(
    r"(?:tick_finished|rollups_completed|clock_skew|last_good|certificate_end|_avail_bytes|files_free|MemAvailable"
    r"|max_connections)[^<>]*[<>]\s*[\d.]+"
)
# Of these the rules say on purpose what no other program says: a trend, and the kernel's own measure.
_OF_PROMETHEUS_ALONE = {"MilkbotDiskFills", "MilkbotClockNotSynchronized"}
# A number with the name of what it limits.
_NUMBER_BY_NAME = re.compile(
    r"^(?:[A-Z_]+, *)*_?(?:[A-Z]+_)*(?:LATE|SKEW|DISK|NEARLY|SCARCE|SOON|OLD|LONG)(?:_[A-Z]+)*"
    r"(?:, *[A-Z_]+)* *= *(?:\d|timedelta\()", re.MULTILINE,
)  # fmt: skip


def test_the_limit_of_a_late_tick_follows_the_timers_interval() -> None:
    assert FILTER({}, 20, 15)["tick_late_seconds"] == 3 * 20 * 60
    assert FILTER({"tick_fail_intervals": 2}, 20, 15)["tick_late_seconds"] == 2 * 20 * 60
    assert FILTER({}, 5, 30)["rollup_late_seconds"] == 3 * 30 * 60


def test_a_play_without_the_role_systemd_takes_that_roles_default_intervals() -> None:
    defaults = yaml.safe_load((ROLES / "systemd/defaults/main.yml").read_text("utf-8"))
    assert evaluate("_milkbot_intervals") == defaults
    text = (ROLES / "milkbot/vars/main.yml").read_text("utf-8")
    for name in ("systemd_trader_interval_minutes", "systemd_rollups_interval_minutes"):
        assert f"{name} | default(_milkbot_intervals.{name})" in text


def test_an_unknown_limit_is_refused_by_its_name() -> None:
    with pytest.raises(AnsibleFilterError, match="disk_warn_procent"):
        FILTER({"disk_warn_procent": 70}, 5, 15)


def test_the_health_check_reads_what_the_roles_write(tmp_path: Path) -> None:
    (tmp_path / "limits.json").write_text(json.dumps(FILTER({"disk_warn_percent": 70}, 20, 30)), "utf-8")
    found = read(tmp_path / "none.env", tmp_path / "limits.json")
    assert found.limits == Limits(disk_warn_percent=70)
    assert (found.trader_interval_minutes, found.rollups_interval_minutes) == (20, 30)


def test_diagnose_uses_the_hosts_limits_or_else_the_defaults() -> None:
    given = Collection({"config/limits": Answer(0, json.dumps(FILTER({}, 20, 15)) + "\n")})
    assert given.limit("tick_late_seconds") == 3600
    assert Collection({}).limit("tick_late_seconds") == table({})["tick_late_seconds"]


def test_prometheus_gets_every_limit_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "limits.json").write_text(json.dumps(table({})), "utf-8")
    said = JOBS.limits(tmp_path / "limits.json")
    assert dict(said) == {f'{{name="{name}"}}': value for name, value in table({}).items()}
    assert JOBS.limits(tmp_path / "absent.json") == []


def test_each_role_that_has_a_timer_or_a_reader_of_the_table_installs_it() -> None:
    for file in (
        "health/vars/main.yml",
        "monitoring/vars/main.yml",
        "systemd/tasks/install.yml",
    ):
        assert "milkbot_limits_files" in (ROLES / file).read_text("utf-8"), file


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deployment/monitoring/alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_no_alert_rule_has_a_limit_of_its_own() -> None:
    spelt = {rule["alert"] for rule in _rules() if _NUMBER_IN_A_RULE.search(rule["expr"].replace("> 0)", ")"))}
    assert spelt - _OF_PROMETHEUS_ALONE == set()


def test_every_limit_that_a_rule_uses_is_in_the_table() -> None:
    asked = {name for rule in _rules() for name in re.findall(r'milkbot_limit\{name="(\w+)"', rule["expr"])}
    assert asked <= set(table({}))
    assert len(asked) > 8


def test_every_limit_that_a_program_uses_is_in_the_table() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "deployment/hostcheck").rglob("*.py")]
    doctor = (ROOT / "app/milkbot/cli/doctor.py").read_text("utf-8")
    asked = {name for text in texts for name in re.findall(r'\.limit\("(\w+)"\)', text)}
    asked |= {name for text in texts for name in re.findall(r"\blimits\.(\w+_(?:warn|fail)_\w+)", text)}
    asked |= set(re.findall(r'"(\w+_(?:warn|fail|late)_\w+)"', doctor))
    assert asked <= set(table({}))
    assert len(asked) > 10


def test_a_limit_that_is_written_a_second_time_is_found() -> None:
    for line in (
        "_LATE_SECONDS = 15 * 60",
        "TRADER_LATE = timedelta(minutes=15)",
        "_FULL, _NEARLY = 98, 90",
        "_SKEW_SECONDS, _SKEW_NOTED = 10.0, 3.0",
    ):
        assert _NUMBER_BY_NAME.search(f"x\n{line}\n"), line
    for rule in ("time() - milkbot_tick_finished_timestamp_seconds > 900", "abs(milkbot_clock_skew_seconds) > 2"):
        assert _NUMBER_IN_A_RULE.search(rule), rule


def test_no_program_has_a_limit_of_its_own() -> None:
    places = [path for part in ("cli", "analytics") for path in (ROOT / "app/milkbot" / part).rglob("*.py")]
    places += [path for path in (ROOT / "deployment/hostcheck").rglob("*.py") if path.name != "settings.py"]
    spelt = {str(path.relative_to(ROOT)): _NUMBER_BY_NAME.findall(path.read_text("utf-8")) for path in places}
    assert {path: found for path, found in spelt.items() if found} == {}
