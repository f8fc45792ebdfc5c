"""Wrong input on a fresh machine: site.yml ends before anything is changed, and says what to mend."""

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

# Seconds after which a run must have come further than the preflight.

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

    def provision(self, wrong: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        (self.inventory / "group_vars/all/wrong.yml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
        playbook = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [playbook, "-i", str(self.inventory / "hosts.yml"), "site.yml"]
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
    hosts["milkbot"]["hosts"]["milkbot-local"]["ansible_host"] = shown["address"]
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

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown variable": (
        {"ufw_ssh_port": 2222},
        "ufw_ssh_port = (unknown variable): write ufw_ssh_ports",
    ),
    "value of a wrong type": (
        {"backup_keep_daily": "many"},
        "backup_keep_daily = 'many': give a value of type int",
    ),
    "machine too small": (
        {"preflight_minimum_cores": 512},
        "at least 512 cores, or lower preflight_minimum_cores",
    ),
    "missing credential": (
        {"environment_kalshi_private_key": ""},
        "environment_kalshi_private_key = (not set): TRADING_MODE demo signs its requests",
    ),
    "expired certificate": (
        {"nginx_certificate": EXPIRED.certificate, "nginx_private_key": EXPIRED.key},
        "nginx_certificate = expired",
    ),
    "key of another certificate": (
        {"nginx_private_key": EXPIRED.key},
        "nginx_private_key = (secret, not shown): is the key of another certificate",
    ),
    "mode that does not fit": (
        {"environment_trading_mode": "live"},
        "environment_kalshi_api_base = http://127.0.0.1:8900/trade-api/v2: TRADING_MODE live talks to https",
    ),
}

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


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_changes_the_machine(machine: Machine, case: str) -> None:
    wrong, message = WRONG[case]
    before = machine.state()
    done = machine.provision(wrong)
    assert done.returncode != 0
    assert message in _said(done)
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    assert machine.state() == before


@pytest.mark.parametrize("case", RECOVERIES)
def test_a_recovery_that_cannot_succeed_changes_the_machine(machine: Machine, case: str) -> None:
    wrong, message = RECOVERIES[case]
    before = machine.state()
    done = machine.provision(wrong)
    assert done.returncode != 0
    assert message in _said(done)
    assert "Nothing was changed" in _said(done)
    assert machine.state() == before


def test_the_second_mistake_is_told_only_after_the_first_is_mended(machine: Machine) -> None:
    done = machine.provision({name: value for wrong, _ in WRONG.values() for name, value in wrong.items()})
    said = _said(done)
    # The two cases of nginx's key overwrite each other: together they are one pair that matches, and expired.
    expected = [message for case, (_, message) in WRONG.items() if case != "key of another certificate"]
    assert [message for message in expected if message.partition(":")[0] not in said] == []


def test_a_system_that_is_not_supported_is_changed(machine: Machine) -> None:
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


def test_what_is_not_ours_is_refused_by_name_and_left_as_it_is(machine: Machine) -> None:
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
