"""What the day-2 playbooks read, decide and hide."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask
from tests.roles.rendering import ROLES, evaluate, plugin

SIMULATED = """\
Reading package lists...
The following packages have been kept back:
  linux-image-amd64 nginx
The following upgrades have been deferred due to phasing:
  dnsmasq-base snapd
The following NEW packages will be installed:
  libnew1
Inst libpq5 [15.18-0+deb12u1] (15.20-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
Inst libnew1 (2.0-1 Debian:12.15/oldstable [amd64])
Remv libold1 [1.0-1]
Conf libpq5 (15.20-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
"""
SIZES = """\
Need to get 12.5 MB/13.0 MB of archives.
After this operation, 1,024 kB of additional disk space will be used.
"""

upgrade_plan = plugin("upgrade/library/upgrade_plan.py")
drift_report = plugin("drift/callback_plugins/drift_report.py")
drift = plugin("drift/action_plugins/drift.py")
exchange_key = plugin("environment/library/exchange_key.py")
fetch_dump = plugin("dumps/action_plugins/fetch_dump.py")


def test_a_damaged_package_is_installed_again_first() -> None:
    damaged = upgrade_plan.read_flags("libpq5:amd64 ok\nnginx reinstreq\nopenssl ok\n")
    assert damaged == ["nginx"]
    first, *rest = evaluate("_upgrade_mends", __upgrade_plan={"damaged": damaged})
    assert first[-3:] == ["--reinstall", "install", "nginx"]
    assert evaluate("_upgrade_mends", __upgrade_plan={"damaged": []}) == rest


def test_the_plan_of_an_upgrade_names_every_package_that_changes() -> None:
    packages, removed, kept, phased = upgrade_plan.read_simulation(SIMULATED)
    assert packages == [
        {"name": "libpq5", "before": "15.18-0+deb12u1", "after": "15.20-0+deb12u1"},
        {"name": "libnew1", "before": "", "after": "2.0-1"},
    ]
    assert (removed, kept) == (["libold1"], ["linux-image-amd64", "nginx"])
    lines = upgrade_plan.table(packages, ["nginx"], kept, removed, phased)
    assert lines[0].split() == ["libpq5", "15.18-0+deb12u1", "->", "15.20-0+deb12u1"]
    assert lines[1].split() == ["libnew1", "new", "->", "2.0-1"]
    assert "nginx: held by apt-mark, not changed" in lines
    assert [line for line in lines if line.startswith("nginx")] == ["nginx: held by apt-mark, not changed"]
    assert "linux-image-amd64: kept back by apt, as it would remove something" in lines


# As apt 2 and apt 3 print it. apt 3 sets its columns apart by two spaces.
PHASED = {
    "apt 2": SIMULATED,
    "apt 3": "Not upgrading yet due to phasing:\n  dnsmasq-base  snapd\n\nNot upgrading:\n  nginx\n\nSummary:\n",
}


@pytest.mark.parametrize("said", PHASED.values(), ids=PHASED)
def test_a_phased_update_is_named_and_not_installed(said: str) -> None:
    packages, removed, kept, phased = upgrade_plan.read_simulation(said)
    assert phased == ["dnsmasq-base", "snapd"]
    assert not {"dnsmasq-base", "snapd"} & set(kept)
    lines = upgrade_plan.table(packages, [], kept, removed, phased)
    assert "snapd: not yet: Ubuntu brings it to some machines first (a phased update)" in lines


def test_the_disk_space_of_an_upgrade_is_computed_from_its_packages() -> None:
    assert upgrade_plan.needed(SIZES) == 13_000_000 + 1_024_000
    assert upgrade_plan.needed("") == 0


def test_an_upgrade_to_another_major_version_of_postgresql_is_refused() -> None:
    minor = [{"name": "postgresql-15", "before": "15.18", "after": "15.20"}]
    other = {"name": "postgresql-17", "before": "", "after": "17.2"}
    client = {"name": "postgresql-client-17", "before": "", "after": "17.2"}
    assert upgrade_plan.other_majors([*minor, client], 15) == []
    (problem,) = upgrade_plan.other_majors([*minor, other, client], 15)
    assert (problem["name"], problem["value"]) == ("postgresql-17", "17.2")
    assert "apt-mark hold" in problem["fix"]


def test_services_that_run_replaced_code_are_found() -> None:
    text = "NEEDRESTART-VER: 3.6\nNEEDRESTART-KSTA: 3\nNEEDRESTART-SVC: nginx.service\nNEEDRESTART-SVC: dbus.service\n"
    assert upgrade_plan.read_needrestart(text) == (["dbus.service", "nginx.service"], True)
    assert upgrade_plan.read_needrestart("NEEDRESTART-KSTA: 1\n") == ([], False)


@pytest.mark.parametrize(
    ("unit", "restarted", "by_reboot"),
    [
        ("cron.service", True, False),
        ("milkbot-simulator.service", True, False),
        ("milkbot-analytics.service", False, False),
        ("postgresql@15-main.service", False, False),
        ("nginx.service", False, False),
        ("dbus.service", False, True),
        ("user@1000.service", False, True),
        ("serial-getty@ttyS0.service", False, True),
    ],
)
def test_each_service_is_restarted_in_its_own_step_or_by_a_reboot(
    unit: str, *, restarted: bool, by_reboot: bool
) -> None:
    plan = {"services": [unit], "kernel": False, "packages": []}
    assert (evaluate("_upgrade_other", __upgrade_plan=plan) == [unit]) is restarted
    assert (evaluate("_upgrade_waits_for_reboot", __upgrade_plan=plan) == [unit]) is by_reboot


@pytest.mark.parametrize(
    ("found", "reports"),
    [
        ({}, False),
        ({"kernel": True}, True),
        ({"services": ["dbus.service"]}, True),
        ({"table": ["nginx: held by apt-mark, not changed"]}, True),
        ({"unfinished": True}, True),
    ],
)
def test_an_upgrade_reports_pending_work_and_a_pending_reboot(found: dict[str, Any], *, reports: bool) -> None:
    plan = {"services": [], "kernel": False, "packages": [], "table": [], "unfinished": False, **found}
    assert evaluate("_upgrade_reports", __upgrade_plan=plan) is reports


def test_each_platform_service_that_runs_replaced_code_is_restarted() -> None:
    names = ["milkbot-analytics.service", "milkbot-dashboard.service", "milkbot-trader.service", "nginx.service"]
    plan = {"services": names, "kernel": False, "packages": []}
    assert evaluate("_upgrade_our_services", __upgrade_plan=plan) == ["milkbot-analytics", "milkbot-dashboard"]
    skipped = {"skipped": True, "changed": False}
    assert evaluate("_upgrade_our_services", __upgrade_plan=plan, __upgrade_after=skipped) != []
    # A tick ends by itself, and the next one is a new process.
    assert "milkbot-trader.service" not in evaluate("_upgrade_restarts", __upgrade_plan=plan)


@pytest.mark.parametrize(
    ("only", "postgres", "taken_over", "timers"),
    [
        ("", False, ["milkbot-analytics", "milkbot-dashboard"], ["milkbot-trader.timer", "milkbot-rollups.timer"]),
        ("dashboard", False, ["milkbot-dashboard"], []),
        ("rollups, analytics", False, ["milkbot-analytics"], ["milkbot-rollups.timer"]),
        # It has begun anew with PostgreSQL already.
        ("", True, ["milkbot-dashboard"], ["milkbot-trader.timer", "milkbot-rollups.timer"]),
    ],
)
def test_only_the_named_services_are_restarted(
    only: str, *, postgres: bool, taken_over: list[str], timers: list[str]
) -> None:
    given = {"restart_only": only, "restart_postgres": postgres}
    assert evaluate("_restart_taken_over", **given) == taken_over
    assert evaluate("_restart_timer_units", **given) == timers
    assert evaluate("_restart_unknown", **given) == []


def test_a_name_that_is_no_service_is_refused() -> None:
    assert evaluate("_restart_unknown", restart_only="dashbord,trader") == ["dashbord"]


SECRETS = {
    "environment_postgres_password": "correct horse battery",
    "notify_urls": ["https://hooks.example.com/T0KEN-OF-OURS"],
    "nginx_private_key": "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----",
}


def test_drift_shows_no_secret_in_a_difference() -> None:
    names = drift_report.secret_options(ROLES)
    assert set(SECRETS) <= set(names)
    texts = drift_report.secret_texts(SECRETS.values())
    shown = drift_report.masked(
        "+POSTGRES_PASSWORD=correct horse battery\n-url https://hooks.example.com/T0KEN-OF-OURS\n"
        "+MIGHAgEAMBMGByqGSM49\n-OLD_TOKEN: abc\n+db postgresql://milkbot:hunter2@localhost/milkbot\n+port = 5432",
        texts,
    )
    for secret in ("horse", "T0KEN", "MIGHAg", "abc", "hunter2"):
        assert secret not in shown
    assert "+port = 5432" in shown


def test_drift_names_every_difference() -> None:
    two = {
        "changed": True,
        "changed_paths": ["/etc/a.conf", "/etc/b.conf"],
        "diff": [{"before_header": "/etc/a.conf", "after_header": "/etc/a.conf", "before": "one\n", "after": "two\n"}],
    }
    first, second = drift_report.differences("install_files", "Write them", two)
    assert first == {
        "kind": "file",
        "name": "/etc/a.conf",
        "diff": "--- on the host\n+++ by the code\n@@ -1 +1 @@\n-one\n+two",
    }
    assert (second["name"], second["diff"]) == ("/etc/b.conf", "owner or mode differ")
    timer = {"before_header": "x.timer", "after_header": "x.timer", "before": "inactive\n", "after": "active\n"}
    service = {"done": {"milkbot-analytics": "started", "milkbot-dashboard": ""}}
    rule = {"invocation": {"module_args": {"rule": "allow", "port": "443", "proto": "tcp"}}}
    hidden = {"censored": "the output has been hidden", "changed": True}
    found = [
        *drift_report.differences("timers", "Timers", {"diff": [timer]}),
        *drift_report.differences("services", "Serve", service),
        *drift_report.differences("community.general.ufw", "Let in http", rule),
        *drift_report.differences("install_files", "Write the settings", hidden),
    ]
    assert [(entry["kind"], entry["name"]) for entry in found] == [
        ("unit", "x.timer"),
        ("unit", "milkbot-analytics"),
        ("firewall", "443/tcp"),
        ("file", "Write the settings"),
    ]
    assert found[-1]["diff"] == "differs; what it holds is not shown"
    assert drift_report.masked(found[-1]["diff"], []) == found[-1]["diff"]


def test_drift_runs_in_check_mode_with_the_options_that_were_given() -> None:
    given: dict[str, Any] = {
        "inventory": ("inventories/production",),
        "extra_vars": ("@more.yml", "a=b"),
        "tags": ["nginx"],
        "skip_tags": [],
        "private_key_file": "/keys/id",
    }
    words = drift.command("playbooks/site.yml", "vps", given)
    assert words[1:] == [
        *("--check", "--diff", "playbooks/site.yml", "--limit", "vps", "--inventory", "inventories/production"),
        *("--extra-vars", "@more.yml", "--extra-vars", "a=b", "--tags", "nginx", "--private-key", "/keys/id"),
    ]
    assert "--tags" not in drift.command("playbooks/site.yml", "vps", {"tags": ["all"]})


OLD = "KALSHI_API_KEY_ID=old\nKALSHI_PRIVATE_KEY_PATH={key}\nLOG_LEVEL=INFO\n"


def test_the_exchange_key_and_its_id_are_replaced_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each step, which is where a kill may leave them."""
    user = pwd.getpwuid(os.getuid()).pw_name
    env, key = tmp_path / ".env", tmp_path / "key.pem"
    files = exchange_key.Files(env, key, user, user, "milkbot", tmp_path / "private")
    env.write_text(OLD.format(key=key), "utf-8")
    key.write_text("old", "utf-8")
    seen: list[tuple[str, str]] = []
    write = exchange_key.Files.write

    def written(self: Any, path: Path, text: str, mode: int, owner: str) -> None:
        write(self, path, text, mode, owner)
        now = env.read_text("utf-8")
        named = exchange_key.line_of(now, "KALSHI_PRIVATE_KEY_PATH").partition("=")[2]
        identity = exchange_key.line_of(now, "KALSHI_API_KEY_ID").partition("=")[2]
        seen.append((identity, Path(named).read_text("utf-8")))

    monkeypatch.setattr(exchange_key.Files, "write", written)
    files.go_live(exchange_key.Pair(OLD.format(key=key).replace("=old", "=new"), "new"))
    assert {f"{identity} {text}" for identity, text in seen} == {"old old", "new new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "key.pem"]
    assert (env.stat().st_mode & 0o777, key.stat().st_mode & 0o777) == (0o600, 0o440)


def test_a_refusal_by_the_exchange_is_reported_with_its_reason() -> None:
    account = {"check": "account", "verdict": "ok", "detail": "9 dollars free"}
    refused = {"check": "exchange", "verdict": "fail", "detail": "GET /portfolio/balance: 401"}
    assert exchange_key.read_verdict(json.dumps([account]), "") == ""
    assert exchange_key.read_verdict(json.dumps([refused]), "") == "GET /portfolio/balance: 401"
    assert exchange_key.read_verdict("", "milkbot: no such command\n") == "milkbot: no such command"
    assert exchange_key.read_verdict("[]", "") == "the account was not read"


def test_the_list_names_every_backup(tmp_path: Path) -> None:
    for kind, name in (("daily", "20261101_020000"), ("pre-deploy", "20261102_101500")):
        path = tmp_path / kind / f"milkbot_{name}.sql.gz"
        path.parent.mkdir()
        path.write_bytes(b"x" * 1000)
        path.with_name(f"{path.name}.sha256").write_text(f"{'a' * 64}  {path.name}\n", "utf-8")
    (tmp_path / "daily/milkbot_20261101_020000.sql.gz.json").write_text('{"schema": "0009", "release": "r1"}', "utf-8")
    (tmp_path / "daily/.milkbot_20261103_020000.sql.gz.Xy").write_bytes(b"half")
    found = ask("dumps/library/dumps.py", directory=str(tmp_path))
    assert [(entry["kind"], entry["schema"], entry["bytes"]) for entry in found["dumps"]] == [
        ("pre-deploy", "", 1000),
        ("daily", "0009", 1000),
    ]
    assert found["dumps"][0]["sha256"] == "a" * 64
    assert "not noted" in found["table"][1]
    assert "r1" in found["table"][2]


class _Host:
    """The shell of a host that is this machine."""

    def __init__(self, *, broken: bool = False) -> None:
        self._broken = broken

    def __call__(self, command: str, *, sudoable: bool) -> dict[str, Any]:
        assert sudoable
        done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
        text = done.stdout
        if self._broken and "dd if" in command:
            text = base64.b64encode(base64.b64decode(text)[:-1]).decode()
        return {"rc": done.returncode, "stdout": text, "stderr": done.stderr}


@pytest.mark.parametrize("size", [0, 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1])
def test_a_fetched_backup_is_complete_or_refused(tmp_path: Path, size: int) -> None:
    source = tmp_path / "milkbot_20261101_020000.sql.gz"
    source.write_bytes(os.urandom(size))
    action = object.__new__(fetch_dump.ActionModule)
    action._low_level_execute_command = _Host()
    target = tmp_path / "here" / source.name
    target.parent.mkdir()
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    action._bring(str(source), target, digest)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    action._low_level_execute_command = _Host(broken=True)
    target.unlink()
    if size:
        with pytest.raises(fetch_dump.FetchError, match="differs from its digest file"):
            action._bring(str(source), target, digest)
        assert list(target.parent.iterdir()) == []
