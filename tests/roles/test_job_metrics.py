"""How the backups and their kind ended, as Prometheus reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.metrics import samples
from tests.roles.conftest import Pair
from tests.roles.rendering import ROOT, plugin

SCRIPT = ROOT / "deployment/monitoring/job-metrics.py"
JOBS = plugin("../deployment/monitoring/job-metrics.py")
GOOD = {
    "at": "2026-11-25T02:00:41Z",
    "result": "good",
    "reason": "",
    "file": "/var/backups/milkbot/daily/milkbot_20261125_020000.sql.gz",
    "seconds": 12.3,
    "last_good_at": "2026-11-25T02:00:41Z",
    "last_good_file": "/var/backups/milkbot/daily/milkbot_20261125_020000.sql.gz",
}
FAILED = {**GOOD, "result": "failed", "reason": "the disk is full", "last_good_at": "2026-11-24T02:00:39Z"}
AT = 1795572041.0


def _read(directory: Path, **states: dict[str, Any] | str) -> dict[str, float]:
    for kind, state in states.items():
        text = state if isinstance(state, str) else json.dumps(state)
        (directory / f"{kind.replace('_', '-')}.json").write_text(text, "utf-8")
    return samples(JOBS.render(directory, directory / "none.pem"))


def test_good_and_failed_backups_have_different_metrics(tmp_path: Path) -> None:
    found = _read(tmp_path, daily=GOOD, pre_deploy=FAILED)
    assert found['milkbot_backup_good{kind="daily"}'] == 1
    assert found['milkbot_backup_good{kind="pre-deploy"}'] == 0
    assert found['milkbot_backup_last_good_timestamp_seconds{kind="daily"}'] == AT
    assert found['milkbot_backup_last_good_timestamp_seconds{kind="pre-deploy"}'] == AT - 86402
    assert found['milkbot_backup_seconds{kind="daily"}'] == 12.3


def test_a_job_that_was_never_good_has_no_time_of_a_good_run(tmp_path: Path) -> None:
    found = _read(tmp_path, weekly={**FAILED, "last_good_at": ""})
    assert found['milkbot_backup_good{kind="weekly"}'] == 0
    assert 'milkbot_backup_last_good_timestamp_seconds{kind="weekly"}' not in found


def test_a_job_that_never_ran_has_no_metrics(tmp_path: Path) -> None:
    assert list(_read(tmp_path)) == ["milkbot_job_metrics_timestamp_seconds"]


def test_only_a_successful_drill_proves_a_backup(tmp_path: Path) -> None:
    proof = 'milkbot_backup_proved_timestamp_seconds{kind="drill"}'
    assert _read(tmp_path, drill={**GOOD, "taken_at": "2026-11-25T02:00:41Z"})[proof] == AT
    assert proof not in _read(tmp_path, drill={**FAILED, "taken_at": "2026-11-25T02:00:41Z"})


@pytest.mark.parametrize("broken", ["", "{", "[]", "null", '{"result": "good"}', json.dumps({**GOOD, "at": "soon"})])
def test_an_unreadable_state_hides_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str) -> None:
    found = _read(tmp_path, daily=broken, drill=GOOD)
    assert found['milkbot_backup_good{kind="daily"}'] == 0
    assert found['milkbot_backup_good{kind="drill"}'] == 1
    assert "daily.json cannot be read" in capsys.readouterr().err


def test_the_metric_of_the_certificate_is_its_expiry_time(tmp_path: Path, pair: Pair) -> None:
    certificate = tmp_path / "milkbot.test.pem"
    certificate.write_text(pair.certificate, "ascii")
    found = samples(JOBS.render(tmp_path, certificate))
    seconds = found["milkbot_certificate_end_timestamp_seconds"] - found["milkbot_job_metrics_timestamp_seconds"]
    assert seconds == pytest.approx(90 * 86400, abs=600)


def test_the_distributions_python_runs_the_job_metrics(tmp_path: Path) -> None:
    target = tmp_path / "jobs.prom"
    done = subprocess.run(
        ["/usr/bin/python3", SCRIPT, target, tmp_path / "none.pem"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "milkbot_job_metrics_timestamp_seconds" in samples(target.read_text("utf-8"))
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["jobs.prom"]


def test_a_missing_directory_is_reported_as_an_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "no/jobs.prom", "x"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == f"job-metrics: {tmp_path / 'no/jobs.prom'} cannot be written: No such file or directory\n"
