"""What runs, against what is on disk: the facts that the roles' modules and the health check judge by."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from tests.roles.rendering import ROLES, ROOT

from milkbot_hostcheck import loaded
from milkbot_hostcheck.checks import effect
from milkbot_hostcheck.row import State

OURS = "/etc/postgresql/15/main/conf.d/milkbot.conf"
SYSTEM = "/var/lib/postgresql/15/main/postgresql.auto.conf"


def test_the_roles_and_the_health_check_share_one_file() -> None:
    shared = ROLES / "milkbot/module_utils/milkbot_loaded.py"
    assert shared.resolve() == ROOT / "deployment/hostcheck/milkbot_hostcheck/loaded.py"


def test_no_role_uses_a_handler_that_a_killed_run_would_lose() -> None:
    assert sorted(ROLES.glob("*/handlers")) == []
    notifying = [
        path for path in ROLES.glob("*/tasks/*.yml") if re.search(r"^\s+notify:", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert notifying == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sat 2026-11-28 21:48:55.250000 UTC", 1795902535.25),
        ("Sat 2026-11-28 21:48:55 UTC", 1795902535.0),
        ("", 0.0),
        ("n/a", 0.0),
    ],
)
def test_a_time_of_systemd_is_read_to_the_microsecond(text: str, seconds: float) -> None:
    assert loaded.moment(text) == seconds


def test_a_file_installed_with_an_old_time_counts_as_not_loaded(tmp_path: Path) -> None:
    read_at = time.time()
    time.sleep(0.05)
    file = tmp_path / "new"
    file.write_text("a", "utf-8")
    os.utime(file, (1, 1))
    file.rename(tmp_path / "file")
    assert loaded.unread([tmp_path / "file", tmp_path / "none"], read_at) == [str(tmp_path / "file")]
    assert loaded.unread([tmp_path / "file"], time.time() + 1) == []


def test_a_link_counts_as_not_loaded_when_it_or_its_file_changed(tmp_path: Path) -> None:
    file, directory = tmp_path / "available", tmp_path / "release"
    file.write_text("a", "utf-8")
    directory.mkdir()
    (tmp_path / "enabled").symlink_to(file)
    (tmp_path / "current").symlink_to(directory)
    time.sleep(0.05)
    read_at = time.time()
    links = [tmp_path / "enabled", tmp_path / "current"]
    assert loaded.unread(links, read_at) == []
    time.sleep(0.05)
    file.write_text("b", "utf-8")
    (directory / "record").write_text("good", "utf-8")
    assert loaded.unread(links, read_at) == [str(tmp_path / "enabled")]


DUMP = """\
# configuration file /etc/nginx/nginx.conf:
include /etc/nginx/modules-enabled/*.conf;
http {
    include mime.types;
    include /etc/nginx/sites-enabled/*;
# configuration file /etc/nginx/sites-enabled/milkbot.conf:
    ssl_certificate /etc/ssl/certs/milkbot.test.pem;
    ssl_certificate_key /etc/ssl/private/milkbot.test.key;
    ssl_certificate /etc/ssl/$name.pem;
"""


def test_nginx_reads_its_files_the_certificates_and_the_directories_that_it_includes() -> None:
    assert loaded.nginx_reads(DUMP) == [
        "/etc/nginx/modules-enabled",
        "/etc/nginx/nginx.conf",
        "/etc/nginx/sites-enabled",
        "/etc/nginx/sites-enabled/milkbot.conf",
        "/etc/ssl/certs/milkbot.test.pem",
        "/etc/ssl/private/milkbot.test.key",
    ]


@pytest.mark.parametrize(
    ("name", "fragment", "drop_ins", "found"),
    [
        ("milkbot-analytics.service", "/etc/systemd/system/milkbot-analytics.service", "", []),
        (
            "milkbot-analytics.service",
            "/etc/systemd/system/milkbot-analytics.service",
            "/run/systemd/system/service.d/zzz-lxc.conf /etc/systemd/system/milkbot-analytics.service.d/override.conf",
            ["/etc/systemd/system/milkbot-analytics.service.d/override.conf"],
        ),
        (
            "milkbot-analytics.service",
            "/run/systemd/system/milkbot-analytics.service",
            "/run/systemd/system/milkbot-analytics.service.d/milkbot-interruption.conf",
            ["/run/systemd/system/milkbot-analytics.service"],
        ),
        ("nginx.service", "/lib/systemd/system/nginx.service", "/etc/systemd/system/nginx.service.d/override.conf", []),
        (
            "logrotate.timer",
            "/lib/systemd/system/logrotate.timer",
            "/etc/systemd/system/logrotate.timer.d/milkbot.conf /etc/systemd/system/logrotate.timer.d/own.conf",
            ["/etc/systemd/system/logrotate.timer.d/own.conf"],
        ),
    ],
)
def test_only_overrides_of_the_platforms_units_are_named(
    name: str, fragment: str, drop_ins: str, found: list[str]
) -> None:
    assert loaded.overriding({"Id": name, "FragmentPath": fragment, "DropInPaths": drop_ins}) == found


def _facts(**changed: Any) -> loaded.Postgres:
    facts = {
        "loaded": time.time() + 5,
        "files": [],
        "config_file": "/etc/postgresql/15/main/postgresql.conf",
        "data_directory": "/var/lib/postgresql/15/main",
        "hba_file": "/etc/postgresql/15/main/pg_hba.conf",
        "ident_file": "/etc/postgresql/15/main/pg_ident.conf",
        "errors": [],
        "rules": [],
        "system": [],
        "pending": [],
        "overridden": [],
        "elsewhere": [],
    }
    return loaded.Postgres("1\n" + json.dumps({**facts, **changed}))


_PENDING = {"name": "max_connections", "runs": "100", "wanted": "50", "ours": False}
_ADDRESSES = {"name": "listen_addresses", "wanted": "localhost", "runs": "*", "by": f"{SYSTEM}:3"}


@pytest.mark.parametrize(
    ("facts", "state", "said"),
    [
        ({}, State.OK, "those of the files"),
        ({"errors": ["a.conf:3: nonsense"]}, State.FAIL, "a.conf:3: nonsense"),
        ({"rules": ["line 4: invalid"]}, State.FAIL, "pg_hba.conf: line 4: invalid"),
        ({"overridden": [_ADDRESSES]}, State.FAIL, f"listen_addresses = * by {SYSTEM}:3, not localhost"),
        ({"hba_file": "/tmp/mine"}, State.FAIL, "hba_file = /tmp/mine"),
        ({"pending": [{**_PENDING, "file": None}]}, State.WARN, "wait for a restart: max_connections"),
        ({"pending": [{**_PENDING, "file": SYSTEM}]}, State.WARN, "wait for a restart: max_connections"),
        ({"loaded": 1.0, "files": ["/etc/passwd"]}, State.WARN, "not loaded yet: "),
    ],
)
def test_a_setting_that_is_not_in_effect_is_named(facts: dict[str, Any], state: State, said: str) -> None:
    row = effect.judge_postgres(_facts(**facts))
    assert row.state is state
    assert said in row.value
    assert bool(row.remedy) is (state is not State.OK)


def test_a_setting_by_alter_system_restarts_nothing() -> None:
    server = _facts(pending=[{**_PENDING, "file": SYSTEM}, {**_PENDING, "name": "port", "file": OURS}])
    assert (server.waiting, server.waiting_for_the_operator) == (["port"], ["max_connections"])


_UNIT = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "NeedDaemonReload": "no",
    "FragmentPath": "/etc/systemd/system/milkbot-a.service",
    "DropInPaths": "",
    "InactiveExitTimestamp": "Sat 2096-11-28 21:48:55 UTC",
}


@pytest.mark.parametrize(
    ("changed", "state", "said"),
    [
        ({}, State.OK, "in effect"),
        ({"NeedDaemonReload": "yes"}, State.WARN, "not read by systemd yet: milkbot-a.service"),
        ({"DropInPaths": "/etc/systemd/system/milkbot-a.service.d/override.conf"}, State.WARN, "overridden: milkbot-a"),
    ],
)
def test_a_unit_that_is_not_in_effect_is_named(changed: dict[str, str], state: State, said: str) -> None:
    row = effect.judge_units({"milkbot-a.service": {**_UNIT, **changed}}, ["milkbot-a.service"])
    assert row.state is state
    assert said in row.value


def test_the_open_files_of_a_worker_are_read_as_the_kernel_shows_them() -> None:
    shown = "Limit                     Soft Limit           Hard Limit           Units     \n"
    shown += "Max open files            1024                 20000                files     \n"
    assert loaded.open_files(shown) == 1024


def test_a_drop_in_counts_as_not_loaded_until_systemd_names_it(tmp_path: Path) -> None:
    """systemd's own NeedDaemonReload stays "no" for one in a directory that is newer than its last reload."""
    drop_in = tmp_path / "logrotate.timer.d/milkbot.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Timer]\n", encoding="utf-8")
    known = {**_UNIT, "Id": "logrotate.timer"}
    assert loaded.not_read_by_systemd(known, tmp_path)
    assert not loaded.not_read_by_systemd({**known, "DropInPaths": str(drop_in)}, tmp_path)
    drop_in.unlink()
    drop_in.symlink_to("/dev/null")
    assert not loaded.not_read_by_systemd(known, tmp_path)


RULES = """\
*filter
:ufw-user-input - [0:0]
-A ufw-user-input -p tcp --dport 22 -j ACCEPT
-A ufw-user-input -p tcp -s 10.0.0.1 --dport 9100 -j ACCEPT
COMMIT
"""
KERNEL = """\
-P INPUT DROP
-A INPUT -j ufw-before-input
-A ufw-before-input -j ufw-user-input
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw-user-input -s 10.0.0.1/32 -p tcp -m tcp --dport 9100 -j ACCEPT
"""
DEFAULTS = 'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\n'


@pytest.mark.parametrize(
    ("kernel", "found"),
    [
        (KERNEL, []),
        (KERNEL.replace("-P INPUT DROP", "-P INPUT ACCEPT"), ["iptables lets in what no rule allows"]),
        (
            KERNEL.replace("-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT\n", ""),
            ["iptables lacks -A ufw-user-input -p tcp --dport 22 -j ACCEPT"],
        ),
        (
            KERNEL + "-A ufw-user-input -p tcp -m tcp --dport 5432 -j ACCEPT\n",
            ["iptables has 3 rules for what comes in, and the file 2"],
        ),
        (
            KERNEL.replace("-A INPUT -j ufw-before-input\n", ""),
            ["iptables lacks -A INPUT -j ufw-before-input"],
        ),
    ],
)
def test_a_firewall_rule_that_the_kernel_lacks_is_named(kernel: str, found: list[str]) -> None:
    assert loaded.firewall("iptables", RULES, DEFAULTS, kernel) == found


@pytest.mark.parametrize(
    ("ports", "shut"),
    [(["22"], []), (["2222"], ["2222"]), (["22", "6005"], []), (["80"], [])],
)
def test_a_port_of_sshd_that_the_firewall_closes_is_named(ports: list[str], shut: list[str]) -> None:
    rules = RULES + "-A ufw-user-input -p tcp -m multiport --dports 80,6000:6010 -j ACCEPT\n"
    said = "".join(f"port {port}\n" for port in ports)
    assert effect.ssh_shut(said, rules) == shut
    assert effect.ssh_shut(said, "") == []
    assert effect.ssh_shut(said, rules + "-A ufw-user-input -s 192.0.2.7 -j ACCEPT\n") == []


def test_a_host_without_ipv6_needs_no_rules_of_it() -> None:
    assert loaded.firewall("ip6tables", RULES, "IPV6=no\n", "") == []
    assert loaded.firewall("ip6tables", RULES, DEFAULTS, "") != []


def test_a_setting_of_sshd_that_another_file_sets_first_is_named() -> None:
    drop_in = (
        "# Written\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nAllowUsers admin\n"
        "Match User admin\n    AllowTcpForwarding yes\n"
    )
    said = "passwordauthentication yes\npermitrootlogin without-password\nallowusers root\nallowtcpforwarding no\n"
    assert loaded.sshd(drop_in, said) == ["passwordauthentication yes"]
    assert loaded.sshd(drop_in, said.replace("yes", "no")) == []
    assert loaded.sshd("", said) == []
