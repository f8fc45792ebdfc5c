"""What is on a host already is named before anything is changed, and never adopted."""

from __future__ import annotations

import copy
import hashlib
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask
from tests.roles.rendering import evaluate, plugin

FOREIGN = plugin("preflight/filter_plugins/foreign.py")
MARK = "Written by Ansible (Milkbot's roles)."

EMPTY: dict[str, Any] = {
    "clock": 1000.0,
    "before": 999.0,
    "accounts": [],
    "home": [],
    "begun": False,
    "provisioned": False,
    "sockets": False,
    "files": [],
    "clusters": [],
    "sites": [],
    "listeners": [],
    "firewalls": [],
    "locales": {"used": {"LANG in /etc/default/locale": "C.UTF-8"}, "there": ["C", "C.utf8", "POSIX"]},
    "resolver": {"name": "deb.debian.org", "code": 0, "problem": {}},
    "free_gb": {"/": 50.0, "/var": 50.0},
    "packages": [],
}
EXPECTED: dict[str, Any] = {
    "accounts": {"milkbot": "/opt/milkbot", "milkbot-analytics": "/nonexistent"},
    "login": "admin",
    "home": "/opt/milkbot",
    "domains": ["milkbot.test"],
    "postgres_version": 15,
    "operators": [],
    "free_gb": 5,
}


def _judge(found: dict[str, Any], **expected: Any) -> list[str]:
    problems = FOREIGN.foreign({**EMPTY, **found}, {**EXPECTED, **expected}, 1001.0)
    return [f"{problem['name']} = {problem['value']}: {problem['fix']}" for problem in problems]


OURS: dict[str, Any] = {
    "accounts": [{"name": "milkbot", "home": "/opt/milkbot", "shell": "/usr/sbin/nologin"}],
    "home": ["current", "data", "deploys.jsonl", "releases"],
    "begun": True,
    "provisioned": True,
    "sockets": True,
    "clusters": [{"version": "15", "name": "main", "port": 5432, "ours": True, "databases": 3}],
    "listeners": [
        {"port": 80, "process": "nginx", "pid": 140, "unit": "nginx.service"},
        {"port": 5432, "process": "postgres", "pid": 99, "unit": "postgresql@15-main.service"},
        {"port": 8000, "process": "systemd", "pid": 1, "unit": "init.scope"},
        {"port": 8501, "process": "uvicorn", "pid": 150, "unit": "milkbot-dashboard.service"},
    ],
}
# Killed on its way: what had been made is there, and the rest is not.
HALF: dict[str, dict[str, Any]] = {
    "packages": {
        "begun": True,
        "packages": ["nginx"],
        "clusters": [{**OURS["clusters"][0], "ours": False, "databases": 0}],
    },
    "users": {"begun": True, "accounts": OURS["accounts"], "home": ["data"]},
    "database": {
        "begun": True,
        "accounts": OURS["accounts"],
        "home": ["data", "releases"],
        "clusters": OURS["clusters"],
    },
}


def test_an_empty_host_is_accepted() -> None:
    assert _judge({}) == []


def test_a_host_of_the_platform_is_accepted() -> None:
    assert _judge(OURS) == []
    # A full disk or an account that somebody edited is for this very run to put right.
    edited = {**OURS["accounts"][0], "shell": "/bin/bash"}
    assert _judge({**OURS, "accounts": [edited], "free_gb": {"/": 0.5}, "packages": ["nginx"]}) == []


@pytest.mark.parametrize("found", HALF.values(), ids=HALF)
def test_a_host_that_a_killed_run_began_is_accepted(found: dict[str, Any]) -> None:
    assert _judge(found) == []


def _account(home: str, shell: str) -> dict[str, Any]:
    return {"accounts": [{"name": "milkbot", "home": home, "shell": shell}]}


def _cluster(**facts: Any) -> dict[str, Any]:
    return {"clusters": [{"version": "13", "name": "main", "port": 5432, "ours": False, "databases": 0, **facts}]}


def _site(directive: str, value: str) -> dict[str, Any]:
    entry = {"file": "/etc/nginx/sites-enabled/shop", "line": 3, "directive": directive, "value": value}
    return {"sites": [entry]}


def _listener(port: int, process: str, unit: str) -> dict[str, Any]:
    return {"listeners": [{"port": port, "process": process, "pid": 812, "unit": unit}]}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an account that can log in": (
        _account("/opt/milkbot", "/bin/bash"),
        "account milkbot = can log in (/bin/bash): the",
    ),
    "an account with another home": (
        _account("/home/milkbot", "/usr/sbin/nologin"),
        "account milkbot = has its home in",
    ),
    "a manual installation": (
        {"home": [".git", "src"]},
        "/opt/milkbot = holds .git, src, and no release of ours: move",
    ),
    "a manual unit": (
        {"files": ["/etc/systemd/system/milkbot-trader.service"]},
        "is not written by these roles: it would",
    ),
    "a cluster on our port": (_cluster(), "PostgreSQL cluster 13/main = has port 5432: our cluster 15/main needs it"),
    "our cluster on another port": (
        _cluster(version="15", port=5433),
        "15/main = has port 5433: the platform needs port",
    ),
    "a cluster with databases": (
        _cluster(version="15", databases=2),
        "15/main = holds 2 databases that are not ours: the",
    ),
    "a default site": (
        _site("listen", "80 default_server"),
        "/etc/nginx/sites-enabled/shop:3 = listen 80 default_server",
    ),
    "a default site by TLS": (
        _site("listen", "[::]:443 ssl default_server"),
        "shop:3 = listen [::]:443 ssl default_server",
    ),
    "a default site without a port": (_site("listen", "192.0.2.1 default_server"), "shop:3 = listen 192.0.2.1 default"),
    "a site of our name": (
        _site("server_name", "a.test milkbot.test"),
        "shop:3 = server_name a.test milkbot.test: the",
    ),
    "an edited default": (_site("default", ""), "shop:3 = is the distribution's site, and was edited"),
    "another web server": (
        _listener(80, "apache2", "apache2.service"),
        "port 80 = apache2 (process 812, apache2.service)",
    ),
    "a container": (_listener(5432, "docker-proxy", "docker.service"), "port 5432 = docker-proxy (process 812"),
    "a program on ours": (_listener(8000, "python3", "user@1000.service"), "port 8000 = python3 (process 812"),
    "another firewall": ({"firewalls": ["nftables.service"]}, "firewall = nftables.service is active or enabled: two"),
    "no such locale": (
        {"locales": {"used": {"LANG in /etc/default/locale": "de_DE.UTF-8"}, "there": ["C", "en_US.utf8"]}},
        "LANG in /etc/default/locale = de_DE.UTF-8, which this host has not: programs fail without",
    ),
    "no room": (
        {"free_gb": {"/": 2.1, "/var": 2.1}},
        "free disk at / = 2.1 GB: make room, 5 GB (preflight_minimum_free_gb)",
    ),
    "a clock that is ahead": ({"clock": 1200.0}, "clock = 199 s ahead of this machine's: the exchange refuses"),
    "a clock that is behind": ({"clock": 500.0}, "clock = 499 s behind this machine's"),
    "packages left half": (
        {"packages": ["nginx"]},
        "dpkg = was stopped in nginx: finish what was stopped: dpkg --configure -a",
    ),
}


@pytest.mark.parametrize(("found", "said"), REFUSED.values(), ids=REFUSED)
def test_foreign_software_in_the_way_is_named_with_its_remedy(found: dict[str, Any], said: str) -> None:
    (problem,) = _judge(found)
    assert said in problem


LEFT: dict[str, dict[str, Any]] = {
    "a cluster on another port": _cluster(port=5433, databases=4),
    "a site with a name of its own": _site("server_name", "shop.test"),
    "a site that is not the default": _site("listen", "443 ssl http2"),
    "a default on another port": _site("listen", "8080 default_server"),
    "a default on a socket": _site("listen", "unix:/run/shop.sock default_server"),
    "a locale that is there": {"locales": {"used": {"LANG": "de_DE.UTF-8"}, "there": ["C", "de_DE.utf8"]}},
    "a clock that is a little off": {"clock": 1020.0},
}


@pytest.mark.parametrize("found", LEFT.values(), ids=LEFT)
def test_foreign_software_that_does_not_conflict_is_accepted(found: dict[str, Any]) -> None:
    assert _judge(found) == []


def test_the_user_that_ansible_logs_in_as_is_no_service_account() -> None:
    (problem,) = _judge(copy.deepcopy(OURS), login="milkbot")
    assert problem.startswith("ansible_user = milkbot: that account is a service's")


def test_an_operator_without_a_login_is_refused() -> None:
    alice = {"name": "alice", "home": "/home/alice", "shell": "/bin/bash"}
    (problem,) = _judge({"accounts": [alice]}, operators=["alice", "bob"])
    assert problem.startswith("systemd_operators = bob: there is no such login on the host")


def test_every_service_account_is_checked() -> None:
    every = {"simulator_enabled": True, "systemd_record_enabled": True, "milkbot_operator_web_enabled": True}
    accounts = {entry["name"]: entry["home"] for entry in evaluate("_user_accounts", **every)}
    assert accounts == evaluate("milkbot_accounts")
    kinds = ("user", "owner_user", "rollups_user", "analytics_user", "dashboard_user")
    users = [evaluate(f"milkbot_{kind}") for kind in kinds]
    off = {"simulator_enabled": False, "systemd_operator_enabled": False}
    assert [entry["name"] for entry in evaluate("_user_accounts", **off)] == users


def _read(top: Path, **given: Any) -> dict[str, Any]:
    arguments = {
        "mark": MARK,
        "home": "/opt/milkbot",
        "accounts": ["milkbot"],
        "ports": [],
        "before": time.time(),
        **given,
    }
    answer = ask("preflight/library/preflight_host.py", check=True, top=str(top), **arguments)
    found: dict[str, Any] = answer["found"]
    return found


def _write(top: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


PACKAGED = "server {\n listen 80 default_server;\n}\n"


def test_a_host_is_read_without_changing_it(tmp_path: Path) -> None:
    digest = hashlib.md5(PACKAGED.encode(), usedforsecurity=False).hexdigest()
    _write(
        tmp_path,
        {
            "etc/passwd": "root:x:0:0::/root:/bin/bash\nmilkbot:x:1001:1001::/home/milkbot:/bin/bash\n",
            "etc/default/locale": 'LANG="de_DE.UTF-8"\n',
            "etc/postgresql/13/main/postgresql.conf": "#port = 1\nport = 5432\t# the port\n",
            "etc/postgresql/15/main/postgresql.conf": "port = 5433\n",
            "etc/postgresql/15/main/conf.d/milkbot.conf": f"# {MARK} Changes\nlisten_addresses = 'localhost'\n",
            "var/lib/postgresql/13/main/base/16390/PG_VERSION": "13",
            "var/lib/postgresql/13/main/base/5/PG_VERSION": "13",
            "etc/nginx/nginx.conf": "events {}\nhttp { include conf.d/*.conf; }\n",
            "etc/nginx/sites-enabled/default": PACKAGED,
            "etc/nginx/sites-enabled/milkbot.conf": f"# {MARK} Changes\nserver {{ listen 80 default_server; }}\n",
            "etc/nginx/sites-enabled/shop": "server {\n# listen 81;\n listen 80 default_server; "
            "server_name\n a.test b.test;\n}",
            "etc/systemd/system/milkbot-trader.service": "[Service]\n",
            "etc/systemd/system/milkbot-rollups.service": f"# {MARK} Changes\n",
            "opt/milkbot/src/x": "",
            "var/lib/dpkg/status": f"Package: nginx\nStatus: install ok unpacked\nConffiles:\n"
            f" /etc/nginx/sites-available/default {digest}\n\nPackage: jq\nStatus: install ok installed\n",
        },
    )
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))
    found = _read(tmp_path)
    assert sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*")) == before
    assert found["accounts"] == [{"name": "milkbot", "home": "/home/milkbot", "shell": "/bin/bash"}]
    assert found["locales"]["used"]["LANG in /etc/default/locale"] == "de_DE.UTF-8"
    assert [(c["version"], c["port"], c["ours"], c["databases"]) for c in found["clusters"]] == [
        ("13", 5432, False, 1),
        ("15", 5433, True, 0),
    ]
    assert [(entry["file"], entry["line"], entry["directive"], entry["value"]) for entry in found["sites"]] == [
        ("/etc/nginx/sites-enabled/shop", 3, "listen", "80 default_server"),
        ("/etc/nginx/sites-enabled/shop", 3, "server_name", "a.test b.test"),
    ]
    assert found["files"] == ["/etc/systemd/system/milkbot-trader.service"]
    assert (found["home"], found["packages"], found["provisioned"]) == (["src"], ["nginx"], False)


def test_an_edited_default_site_is_recognized_by_its_content(tmp_path: Path) -> None:
    _write(tmp_path, {"etc/nginx/sites-enabled/default": PACKAGED, "var/lib/dpkg/status": "Package: nginx\n"})
    assert [entry["directive"] for entry in _read(tmp_path)["sites"]] == ["listen", "default"]


def test_a_program_that_listens_on_a_port_of_the_platform_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (one,) = _read(Path("/"), ports=[port])["listeners"]
    assert one["port"] == port
    assert one["process"]


def test_a_dead_name_server_is_reported_within_the_time(tmp_path: Path) -> None:
    _write(tmp_path, {"etc/apt/sources.list": "deb [signed-by=/x] http://nowhere.invalid/debian bookworm main\n"})
    _write(tmp_path, {"etc/resolv.conf": "nameserver 192.0.2.1\n"})
    resolver = _read(tmp_path, resolve_seconds=2)["resolver"]
    (problem,) = _judge({"resolver": resolver})
    assert problem.startswith("address of nowhere.invalid = no ")
    assert "the name servers of this host are 192.0.2.1" in problem
    answer = ask("milkbot/library/package_server.py", top=str(tmp_path), seconds=2)
    assert answer["failed"]
    assert answer["msg"] == problem
    _write(tmp_path, {"etc/apt/apt.conf.d/proxy": 'Acquire::http::Proxy "http://proxy.test:3128";\n'})
    assert _read(tmp_path)["resolver"]["code"] == 0
