"""Wrong input on a fresh machine: site.yml ends before anything is changed, and says what to fix, in one list."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.patience import PATIENCE
from tests.roles.conftest import make_pair
from tests.roles.rendering import ROOT

VPS = str(ROOT / "bin/vps")
NAME = "wrong-input"


# What the machine is made of: packages, users, and what appeared since the marker.
STATE = (
    "dpkg-query -W; cat /etc/passwd /etc/group; ls -A /opt /etc/systemd/system /var/log /var/lib/apt/lists; "
    "find /etc /opt /srv /usr /var/lib /var/spool -xdev -newer /run/begin ! -path '/var/lib/systemd/*' | sort"
)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@dataclass(frozen=True, slots=True)
class Machine:
    """A fresh machine, and the directory of its inventory."""

    inventory: Path

    def state(self) -> str:
        return _run(VPS, "ssh", NAME, STATE)

    def provision(self, wrong: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
        (self.inventory / "group_vars/all/wrong.yml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
        playbook = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [playbook, "-i", str(self.inventory / "hosts.yml"), "site.yml", *options]
        environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        return subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=PATIENCE
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("a local machine can be made by root only; run the tests with sudo")
    subprocess.run([VPS, "destroy", NAME], check=False, capture_output=True)
    _run(VPS, "create", NAME, "--start")
    try:
        yield _inventory(tmp_path_factory.mktemp("inventory"))
    finally:
        _run(VPS, "destroy", NAME)


def _inventory(directory: Path) -> Machine:
    shown = json.loads(_run(VPS, "show", NAME, "--json"))
    hosts = yaml.safe_load((ROOT / "inventories/local/hosts.yml").read_text(encoding="utf-8"))
    host = hosts["milkbot"]["hosts"].pop("milkbot-local")
    hosts["milkbot"]["hosts"][NAME] = host | {"ansible_host": shown["address"]}
    (directory / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
    variables = directory / "group_vars/all"
    variables.mkdir(parents=True)
    for path in (ROOT / "inventories/local/group_vars/all").glob("*.yml"):
        if path.name != "generated.yml":
            shutil.copy(path, variables)
    secrets = str(variables / "generated.yml")
    _run(VPS, "secrets", str(directory / "secrets"), "--address", shown["address"], "--vars", secrets)
    _run(VPS, "ssh", NAME, "touch /run/begin")
    return Machine(directory)


EXPIRED = make_pair(begins=-30, ends=-1)

# Every row of a list of wrong inventories, all at once: each is named, in the one list, before any change.
WRONG: dict[str, Any] = {
    "backup_keep_daily": -1,
    "backup_keep_weekly": "many",
    "backup_compression_level": 99,
    "backup_drill_schedule": "whenever",
    "backup_offsite_enabled": True,
    "bankroll": 5,
    "enviroment_log_level": "DEBUG",
    "environment_kalshi_private_key": "",
    "environment_postgres_password": "hush\nhush",
    "environment_trading": {"bankroll": -5, "max_trade_risk_pct": 200},
    "environment_trading_mode": "live",
    "health_alert_urls": ["nonsense://hush"],
    "logrotate_max_size": "999999G",
    "log_level": "DEBUG",
    "nginx_api_requests_per_second": 0,
    "nginx_certificate": EXPIRED.certificate,
    "nginx_private_key": make_pair().key,
    "nginx_trusted_proxies": ["abc"],
    "notify_urls": ["nonsense://hush"],
    "pgbackrest_full_on": "garbage",
    "preflight_minimum_cores": 512,
    "ufw_ssh_port": 2222,
    "ufw_ssh_ports": [0],
    "version": "v9.9.9",
}
NAMED = [
    "backup_keep_daily = -1: has to be a whole number from 1 to 3650; write 7, the default",
    "backup_keep_weekly = 'many': has to be a whole number from 1 to 520",
    "backup_compression_level = 99: has to be a whole number from 1 to 9",
    "backup_drill_schedule = 'whenever': has to be a time as systemd's OnCalendar takes it",
    "backup_offsite_target = (empty): backup_offsite_enabled: true needs it; write REMOTE:PATH",
    "backup_offsite_config_secret = (empty): backup_offsite_enabled: true needs it",
    "bankroll = (unknown variable)",
    "enviroment_log_level = (unknown variable): write environment_log_level",
    "environment_kalshi_private_key = (not set): TRADING_MODE live signs its requests",
    "environment_postgres_password = (secret, not shown): has to be one line without control characters",
    "environment_trading.bankroll = -5: has to be a number above 0",
    "environment_trading.max_trade_risk_pct = 200: has to be a number above 0 and at most 100",
    "environment_kalshi_api_base = http://127.0.0.1:8900/trade-api/v2: TRADING_MODE live talks to https",
    "health_alert_urls, entry 1 = nonsense://…, the rest is secret: give an address that Apprise knows",
    "logrotate_max_size = '999999G': has to be a size from 1k to 10G",
    "log_level = (unknown variable): write environment_log_level",
    "nginx_api_requests_per_second = 0: has to be a whole number from 1 to 10000",
    "nginx_certificate = expired",
    "nginx_private_key = (secret, not shown): is the key of another certificate",
    "nginx_trusted_proxies, entry 1 = 'abc': has to be an address or a network",
    "notify_urls, entry 1 = nonsense://…, the rest is secret: give an address that Apprise knows",
    "pgbackrest_full_on = 'garbage': has to be a time as systemd's OnCalendar takes it",
    "at least 512 cores, or lower preflight_minimum_cores",
    "ufw_ssh_port = (unknown variable): write ufw_ssh_ports",
    "ufw_ssh_ports, entry 1 = 0: has to be a whole number from 1 to 65535",
    "version = v9.9.9: the checkout",
    "group milkbot = wrong-input, wrong-input-2: two hosts would trade twice",
]

STORE: dict[str, Any] = {
    "backup_offsite_enabled": True,
    "backup_offsite_target": "store:milkbot",
    "backup_offsite_config_secret": "[store]\ntype = sftp\n",
}
ENCRYPTED = {**STORE, "backup_age_recipients": ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]}
# What cannot be brought back to a machine that is new.
RECOVERIES: dict[str, tuple[dict[str, Any], str]] = {
    "an empty variable of a shell": (
        {"restore_from": ""},
        "restore_from = (empty): give offsite for the newest backup",
    ),
    "no name of a backup": ({**STORE, "restore_from": "offsite:yesterday"}, "offsite:yesterday: give offsite for"),
    "no store": ({"restore_from": "offsite"}, "restore_from = offsite: backup_offsite_enabled is not set"),
    "no file": ({"restore_from": "/nowhere/milkbot_20260101_020000.sql.gz"}, "there is no such file here"),
    "no identity": ({**ENCRYPTED, "restore_from": "offsite"}, "encrypted (backup_age_recipients); give the identity"),
    "no file of an identity": (
        {**ENCRYPTED, "restore_from": "offsite", "restore_identity": "/nowhere/identity.txt"},
        "restore_identity = /nowhere/identity.txt: there is no such file",
    ),
}


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stdout.split())


@pytest.fixture
def two_hosts(machine: Machine) -> Iterator[None]:
    """A second host in the group of the traders, which does not answer."""
    path = machine.inventory / "hosts.yml"
    before = path.read_text(encoding="utf-8")
    hosts = yaml.safe_load(before)
    (first,) = hosts["milkbot"]["hosts"].values()
    hosts["milkbot"]["hosts"] = {NAME: first, f"{NAME}-2": first | {"ansible_host": "192.0.2.1"}}
    path.write_text(yaml.safe_dump(hosts), encoding="utf-8")
    yield
    path.write_text(before, encoding="utf-8")


@pytest.mark.usefixtures("two_hosts")
def test_everything_that_is_wrong_at_once_is_named_in_one_list_before_any_change(machine: Machine) -> None:
    before = machine.state()
    done = machine.provision(WRONG, "--limit", NAME)
    said = _said(done)
    assert done.returncode != 0
    assert "Nothing was changed on wrong-input. To fix:" in said
    assert "failed=1" in said
    assert [line for line in NAMED if line not in said] == []
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    assert "hush" not in done.stdout + done.stderr
    assert machine.state() == before


def test_preflight_alone_changes_nothing_and_takes_no_lock(machine: Machine) -> None:
    before = machine.state()
    done = machine.provision({}, "--tags", "preflight")
    assert done.returncode == 0, done.stdout
    assert "TASK [lock" not in done.stdout
    assert "changed=0" in done.stdout
    assert machine.state() == before


def test_a_password_with_every_quote_is_accepted(machine: Machine) -> None:
    given = {"environment_postgres_password": "a'b\"c%d$e$(id){ {x} }#~!&`"}
    assert machine.provision(given, "--tags", "preflight").returncode == 0


def test_live_mode_says_that_it_must_be_armed(machine: Machine) -> None:
    given = {
        "environment_trading_mode": "live",
        "environment_kalshi_api_base": "https://external-api.kalshi.com/trade-api/v2",
    }
    done = machine.provision(given, "--tags", "preflight")
    assert done.returncode == 0, done.stdout
    assert "sudo milkbot arm-live" in _said(done)


@pytest.mark.parametrize("case", RECOVERIES)
def test_a_recovery_that_cannot_succeed_is_refused_before_any_change(machine: Machine, case: str) -> None:
    wrong, message = RECOVERIES[case]
    before = machine.state()
    done = machine.provision(wrong)
    assert done.returncode != 0
    assert message in _said(done)
    assert "Nothing was changed" in _said(done)
    assert machine.state() == before


def test_an_unsupported_system_is_refused_before_any_change(machine: Machine) -> None:
    _run(VPS, "ssh", NAME, "cp /etc/debian_version /run/ && echo 11.9 > /etc/debian_version && touch /run/begin")
    try:
        before = machine.state()
        done = machine.provision({})
        assert machine.state() == before
    finally:
        _run(VPS, "ssh", NAME, "cp /run/debian_version /etc/debian_version")
    assert done.returncode != 0
    assert "operating system = debian-11: reinstall the machine with one of debian-12" in _said(done)


FOREIGN = """
useradd --create-home --shell /bin/bash milkbot
mkdir -p /etc/postgresql/13/main /etc/nginx/sites-enabled
echo 'port = 5432' >/etc/postgresql/13/main/postgresql.conf
printf 'server {\\n    listen 80 default_server;\\n}\\n' >/etc/nginx/sites-enabled/shop
echo LANG=de_DE.UTF-8 >/etc/default/locale
cp /etc/resolv.conf /run/; echo 'nameserver 192.0.2.1' >/etc/resolv.conf
systemd-run --quiet --unit=shop python3 -m http.server 8000
touch /run/begin
"""
TAKEN_AWAY = """
systemctl stop shop; userdel --remove milkbot; rm -r /etc/postgresql /etc/nginx
cp /run/resolv.conf /etc/resolv.conf; echo LANG=C.UTF-8 >/etc/default/locale; touch /run/begin
"""


def test_foreign_software_is_refused_by_name_and_not_changed(machine: Machine) -> None:
    _run(VPS, "ssh", NAME, FOREIGN)
    try:
        before = machine.state()
        done = machine.provision({})
        assert machine.state() == before
    finally:
        _run(VPS, "ssh", NAME, TAKEN_AWAY)
    said = _said(done)
    assert done.returncode != 0
    for message in (
        "account milkbot = can log in (/bin/bash): the platform runs as milkbot",
        "PostgreSQL cluster 13/main = has port 5432: our cluster 15/main needs it",
        "/etc/nginx/sites-enabled/shop:2 = listen 80 default_server: the platform answers",
        "port 8000 = python3",
        "shop.service) listens there",
        "LANG in /etc/default/locale = de_DE.UTF-8, which this host has not",
        "the name servers of this host are 192.0.2.1: correct /etc/resolv.conf",
    ):
        assert message in said


# As an image without Python, and with a rule of sudo that asks, would be.
_BARE = """
set -e
rm /usr/bin/python3 /etc/sudoers.d/90-admin
echo 'admin ALL=(ALL) ALL' >/etc/sudoers.d/91-asks
"""


def test_a_host_without_python_or_passwordless_sudo_is_refused_with_the_remedy(machine: Machine) -> None:
    _run(VPS, "ssh", NAME, _BARE)
    try:
        done = machine.provision({"backup_keep_daily": -1}, "--tags", "preflight")
    finally:
        _run(VPS, "reset", NAME)
    said = _said(done)
    assert "apt-get install --yes python3" in said
    assert "--ask-become-pass" in said
    assert "backup_keep_daily = -1" in said
