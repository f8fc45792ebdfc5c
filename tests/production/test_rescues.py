"""What a playbook does when something fails, executed with inventories/production as it is shipped.

`RESCUES` names the test of every file in roles/ and playbooks/ that holds a rescue: one without a test fails here.
Those that stand in another file lock the machine out of ssh, which the tests after them would need.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.deploy.platform import ROOT, WATCH_SECONDS
from tests.production.reader import Reader, said, succeeded

WATCH = {"systemd_watch_seconds": WATCH_SECONDS}
SCRIPTS = "/opt/milkbot/deployment/scripts"
TIMERS = "systemctl is-active milkbot-trader.timer milkbot-rollups.timer"

_SSH = "tests/deploy/test_ssh.py::"
RESCUES = {
    "roles/update/tasks/main.yml": "test_an_update_that_fails_returns_to_the_release_before",
    "roles/upgrade/tasks/main.yml": "test_services_serve_after_an_upgrade_that_failed",
    "roles/restart/tasks/main.yml": "test_services_serve_as_before_after_a_restart_that_failed",
    "roles/rotate/tasks/main.yml": "test_the_old_secrets_are_in_use_after_a_rotation_that_failed",
    "roles/rollback/tasks/code.yml": "test_a_rollback_that_fails_returns_to_the_release_that_served",
    "roles/rollback/tasks/database_and_code.yml": "test_a_restore_that_fails_is_reported_and_recorded",
    "roles/rollback/tasks/emergency_choose.yml": "test_an_emergency_returns_to_the_release_before_without_a_backup",
    "roles/rollback/tasks/emergency_code.yml": "test_an_emergency_continues_past_steps_that_fail_and_names_them",
    "roles/rollback/tasks/emergency_database.yml": "test_an_emergency_continues_past_steps_that_fail_and_names_them",
    "roles/ssh/tasks/change.yml": _SSH + "test_a_file_that_sshd_reads_first_is_named_and_nothing_is_changed",
    "roles/milkbot/tasks/switch_keep.yml": _SSH
    + "test_a_firewall_that_cuts_the_connection_is_turned_off_within_two_minutes",
}


def _rescues() -> set[str]:
    found = set()
    for path in sorted([*ROOT.glob("roles/*/tasks/**/*.yml"), *ROOT.glob("playbooks/*.yml")]):
        text = path.read_text(encoding="utf-8")
        if any("rescue" in node for node in _mappings(yaml.safe_load(text))):
            found.add(str(path.relative_to(ROOT)))
    return found


def _mappings(node: object) -> Iterator[dict[str, object]]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from _mappings(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _mappings(inner)


def test_every_rescue_is_executed_by_a_test() -> None:
    assert _rescues() == set(RESCUES)
    assert {test for test in RESCUES.values() if not _is_there(test)} == set()


def _is_there(test: str) -> bool:
    file, _, name = test.rpartition("::")
    return f"\ndef {name}(" in (ROOT / file if file else Path(__file__)).read_text(encoding="utf-8")


@contextlib.contextmanager
def _failing(reader: Reader, program: str) -> Iterator[None]:
    """A script of the host's that ends with 1."""
    stub = "#!/bin/sh\\necho of a test >&2\\nexit 1\\n"
    reader.ssh(f"mv {program} {program}.kept && printf '{stub}' >{program} && chmod 755 {program}")
    try:
        yield
    finally:
        reader.ssh(f"mv {program}.kept {program}")


@contextlib.contextmanager
def _not_starting(reader: Reader, unit: str) -> Iterator[None]:
    """A unit that cannot start."""
    directory = f"/run/systemd/system/{unit}.d"
    reader.ssh(
        f"mkdir -p {directory} && printf '[Service]\\nExecStartPre=/bin/false\\n' >{directory}/of-a-test.conf"
        " && systemctl daemon-reload"
    )
    try:
        yield
    finally:
        reader.ssh(f"rm -r {directory} && systemctl daemon-reload")


@contextlib.contextmanager
def _broken(reader: Reader, release: str) -> Iterator[None]:
    """A release whose services cannot start."""
    program = f"/opt/milkbot/releases/{release}/venv/bin/uvicorn"
    reader.ssh(f"mv {program} {program}.kept")
    try:
        yield
    finally:
        reader.ssh(f"mv {program}.kept {program}")


def _state(reader: Reader) -> dict[str, str]:
    """What a playbook that fails leaves as it was."""
    return {
        "release": reader.live(),
        "serving": json.loads(reader.ssh("curl --silent http://127.0.0.1:8000/v1/health"))["release"],
        "services": reader.ssh("systemctl is-active milkbot-analytics milkbot-dashboard nginx || true"),
        "timers": reader.ssh(f"{TIMERS} || true"),
        "lock": reader.ssh("ls /run/lock/milkbot-deploy.json 2>/dev/null || true"),
        "policy": reader.ssh("ls /usr/sbin/policy-rc.d 2>/dev/null || true"),
    }


@pytest.fixture
def serving(shipped: Reader) -> Iterator[Reader]:
    """The server; afterwards it serves what it served before."""
    before = _state(shipped)
    assert before["timers"] == "active\nactive"
    yield shipped
    assert _state(shipped) == before


@pytest.fixture(scope="module")
def two_releases(shipped: Reader) -> str:
    """Id of a good release before the one that runs."""
    first = shipped.live()
    shipped.commit("To be rolled back from", {"app/milkbot/of_a_rescue.py": f'"""After {first}."""\n'})
    succeeded(shipped.play("update.yml", **WATCH))
    return first


def test_an_update_that_fails_returns_to_the_release_before(serving: Reader) -> None:
    broken = (serving.clone / "app/milkbot/analytics/api.py").read_text(encoding="utf-8")
    serving.commit("Broken", {"app/milkbot/analytics/api.py": f"{broken}\nraise RuntimeError('broken on purpose')\n"})
    done = serving.play("update.yml", **WATCH)
    serving.commit("Fixed", {"app/milkbot/analytics/api.py": broken})
    assert done.returncode != 0
    assert "serves as before" in said(done)
    assert serving.history()[-1]["result"] == "returned"


def test_services_serve_after_an_upgrade_that_failed(serving: Reader) -> None:
    # As one that was killed before leaves it: there is something to finish.
    serving.ssh("touch /var/lib/milkbot-upgrading")
    with _failing(serving, f"{SCRIPTS}/backup-database.sh"):
        done = serving.play("upgrade.yml")
    assert done.returncode != 0
    assert "did not come to its end; the services serve" in said(done)
    assert "Prepare | Back the database up" in said(done)
    assert serving.last() == ("upgrade", "failed")
    serving.ssh("rm -f /var/lib/milkbot-upgrading")


def test_services_serve_as_before_after_a_restart_that_failed(serving: Reader) -> None:
    with _not_starting(serving, "milkbot-analytics-next.service"):
        done = serving.play("restart.yml", only="analytics")
    assert done.returncode != 0
    assert "Not everything was restarted; what could not be, serves as before" in said(done)


def test_the_old_secrets_are_in_use_after_a_rotation_that_failed(serving: Reader) -> None:
    vault = serving.clone / "inventories/production/group_vars/all/vault.yml"
    kept = vault.read_bytes()
    unknown = 'environment_kalshi_api_key_id: "00000000-0000-4000-8000-000000000000"'
    succeeded(serving.edit("vault.yml", f"s|^environment_kalshi_api_key_id: .*|{unknown}|"))
    before = serving.ssh("sha256sum /opt/milkbot/.env")
    done = serving.play("rotate-secrets.yml")
    vault.write_bytes(kept)
    assert done.returncode != 0
    assert "the exchange did not take the new key" in said(done)
    assert "Rotated before it failed: nothing" in said(done)
    assert serving.ssh("sha256sum /opt/milkbot/.env") == before


def test_a_rollback_that_fails_returns_to_the_release_that_served(two_releases: str, serving: Reader) -> None:
    with _broken(serving, two_releases):
        done = serving.play("rollback.yml", **WATCH)
    assert done.returncode != 0
    assert "serves as before" in said(done)
    assert serving.history()[-1]["result"] == "returned"


def test_a_restore_that_fails_is_reported_and_recorded(serving: Reader) -> None:
    succeeded(serving.play("backup.yml"))
    with _failing(serving, f"{SCRIPTS}/restore-database.sh"):
        done = serving.play("rollback.yml", "--tags", "database", confirm="yes")
    assert done.returncode != 0
    assert "The database was not restored" in said(done)
    assert serving.last() == ("restore", "failed")


def test_an_emergency_continues_past_steps_that_fail_and_names_them(two_releases: str, serving: Reader) -> None:
    with (
        _broken(serving, two_releases),
        _failing(serving, f"{SCRIPTS}/restore-database.sh"),
    ):
        done = serving.play("rollback.yml", "--tags", "emergency", confirm="yes", **WATCH)
    serving.ssh("milkbot resume --reason 'a test'")
    assert done.returncode != 0
    assert "NOT EVERYTHING WAS DONE" in said(done)
    assert "NOT restored" in said(done)


@pytest.mark.matrix
def test_an_emergency_returns_to_the_release_before_without_a_backup(shipped: Reader, two_releases: str) -> None:
    done = shipped.play("rollback.yml", "--tags", "emergency", backup="/nowhere.sql.gz", confirm="yes", **WATCH)
    shipped.ssh("milkbot resume --reason 'a test'")
    assert "NOT EVERYTHING WAS DONE" in said(done)
    assert shipped.live() == two_releases


@pytest.mark.matrix
@pytest.mark.usefixtures("two_releases")
def test_the_timers_run_after_a_rollback_whose_return_failed_too(serving: Reader) -> None:
    with _not_starting(serving, "milkbot-dashboard-next.service"):
        done = serving.play("rollback.yml", **WATCH)
    assert done.returncode != 0
    assert "milkbot-dashboard-next.service" in said(done)
