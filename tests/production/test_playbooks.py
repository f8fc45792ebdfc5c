"""Every playbook works with inventories/production as it is shipped. The tests follow each other on one server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.deploy.platform import WATCH_SECONDS, migration, run
from tests.production.reader import INVENTORY, NO_VERSION, Reader, said, succeeded

WATCH = {"systemd_watch_seconds": WATCH_SECONDS}
DAILY = re.compile(r"/var/backups/milkbot/daily/\S+\.sql\.gz")


def _refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0, said(done)
    assert "changed=0" in said(done)
    return said(done)


def test_a_version_that_does_not_exist_is_refused_before_any_change(reader: Reader) -> None:
    assert reader.refused is not None
    assert NO_VERSION in _refused(reader.refused)


def test_two_traders_on_one_account_are_refused_before_any_change(reader: Reader, tmp_path: Path) -> None:
    second = tmp_path / "second.yml"
    hosts = {"milkbot": {"hosts": {"milkbot-second": {"ansible_host": reader.address}}}}
    second.write_text(yaml.safe_dump(hosts), encoding="utf-8")
    done = reader.play("site.yml", "-i", str(second), "--limit", "milkbot-production")
    assert "milkbot-second" in _refused(done)


def test_a_vault_that_is_not_encrypted_is_refused_before_any_change(reader: Reader) -> None:
    vault = INVENTORY / "group_vars/all/vault.yml"
    succeeded(reader.type(f"ansible-vault decrypt {vault}"))
    try:
        assert f"run: ansible-vault encrypt {reader.clone / vault}" in _refused(reader.play("site.yml"))
    finally:
        succeeded(reader.type(f"ansible-vault encrypt {vault}"))


def test_diagnose_finds_nothing_wrong_on_a_new_server(reader: Reader) -> None:
    assert "Nothing wrong was found" in succeeded(reader.play("diagnose.yml"))


def test_drift_finds_no_difference_on_a_new_server(reader: Reader) -> None:
    assert "nothing differs" in succeeded(reader.play("drift.yml")).lower()


def test_verify_works_without_the_simulators_variables(shipped: Reader) -> None:
    succeeded(shipped.play("verify.yml"))


def test_a_backup_is_made_listed_and_fetched(shipped: Reader, tmp_path: Path) -> None:
    made = succeeded(shipped.play("backup.yml", fetch_to=str(tmp_path)))
    (name,) = {Path(found).name for found in DAILY.findall(made)}
    assert (tmp_path / name).is_file()
    assert name in succeeded(shipped.play("backup.yml", "--tags", "list"))


def test_an_update_that_changes_only_the_inventory_deploys_nothing(shipped: Reader) -> None:
    before = shipped.live()
    hosts = INVENTORY / "hosts.yml"
    shipped.commit("Fill in the inventory", {str(hosts): (shipped.clone / hosts).read_text(encoding="utf-8")})
    assert "othing to d" in succeeded(shipped.play("update.yml", **WATCH))
    assert shipped.live() == before


def test_a_rollback_returns_to_the_release_before_the_update(shipped: Reader) -> None:
    first = shipped.live()
    shipped.commit("Another version", {"app/milkbot/of_a_test.py": '"""Nothing."""\n'})
    succeeded(shipped.play("update.yml", **WATCH))
    second = shipped.live()
    assert second != first
    assert second in succeeded(shipped.play("releases.yml"))
    succeeded(shipped.play("rollback.yml", **WATCH))
    assert shipped.live() == first
    history = succeeded(shipped.play("history.yml"))
    assert all(name in history for name in (first, second, "deploy", "rollback"))
    assert [entry["action"] for entry in shipped.history()[-2:]] == ["deploy", "rollback"]


@pytest.mark.matrix
def test_a_rollback_reverts_migrations(shipped: Reader) -> None:
    first, schema = shipped.live(), shipped.ssh("milkbot db current").splitlines()[-1]
    files = migration(
        "9001",
        schema,
        up='op.execute("CREATE TABLE ops.of_a_test (id int)")',
        down='op.execute("DROP TABLE ops.of_a_test")',
    )
    shipped.commit("A version with a migration", files)
    succeeded(shipped.play("update.yml", **WATCH))
    assert shipped.ssh("milkbot db current").splitlines()[-1] == "9001"
    succeeded(shipped.play("rollback.yml", "--tags", "code,migrations", **WATCH))
    assert shipped.live() == first
    assert shipped.ssh("milkbot db current").splitlines()[-1] == schema
    # What is deployed later has no migration to revert.
    run("git", "revert", "--no-edit", "HEAD", cwd=shipped.clone)


@pytest.mark.matrix
@pytest.mark.parametrize(
    "playbook", [("restore.yml",), ("rollback.yml", "--tags", "database")], ids=lambda one: one[-1]
)
def test_a_restore_succeeds_and_leaves_trading_halted(shipped: Reader, playbook: tuple[str, ...]) -> None:
    succeeded(shipped.play("backup.yml"))
    succeeded(shipped.play(*playbook, confirm="yes"))
    assert shipped.last() == ("restore", "good")
    assert "halted" in shipped.ssh("milkbot state || true").lower()
    shipped.ssh("milkbot resume --reason 'a test'")


@pytest.mark.matrix
def test_an_emergency_returns_to_the_release_before(shipped: Reader) -> None:
    shipped.commit("Left in an emergency", {"app/milkbot/of_an_emergency.py": '"""Nothing."""\n'})
    first = shipped.live()
    succeeded(shipped.play("update.yml", **WATCH))
    assert "EMERGENCY ROLLBACK" in succeeded(
        shipped.play("rollback.yml", "--tags", "emergency", confirm="yes", **WATCH)
    )
    assert shipped.live() == first
    shipped.ssh("milkbot resume --reason 'a test'")


def test_a_restart_replaces_the_processes(shipped: Reader) -> None:
    show = "systemctl show --value --property=InvocationID milkbot-dashboard"
    before = shipped.ssh(show)
    succeeded(shipped.play("restart.yml", only="dashboard"))
    assert shipped.ssh(show) != before


@pytest.mark.matrix
def test_a_restart_includes_postgresql_on_request(shipped: Reader) -> None:
    assert "took no connection for" in succeeded(shipped.play("restart.yml", postgres="yes"))


def test_a_rotation_puts_the_vaults_new_password_in_use_and_prints_it_nowhere(shipped: Reader) -> None:
    password = "another-password-of-a-test"
    succeeded(
        shipped.edit("vault.yml", f's|^environment_postgres_password: .*|environment_postgres_password: "{password}"|')
    )
    done = shipped.play("rotate-secrets.yml")
    succeeded(done)
    assert password not in done.stdout + done.stderr
    psql = "psql -XAt -h localhost -U milkbot milkbot -c 'SELECT 1'"
    assert shipped.ssh(f"PGPASSWORD={password} {psql}") == "1"
    assert shipped.history()[-1]["action"] == "rotate"


def test_an_upgrade_with_nothing_to_do_changes_nothing(shipped: Reader) -> None:
    # An image that is a day old may have something to do, once.
    succeeded(shipped.play("upgrade.yml"))
    assert "changed=0" in succeeded(shipped.play("upgrade.yml", "--check"))


def test_unlock_frees_the_lock(shipped: Reader) -> None:
    succeeded(shipped.play("unlock.yml", confirm="yes"))
    assert shipped.ssh("ls /run/lock/milkbot-deploy.json 2>/dev/null || true") == ""
