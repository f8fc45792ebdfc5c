"""Ansible module: what is on the host already, that the platform would take, break, or fail by. Changes nothing."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_names import answer, resolver, text_of

DOCUMENTATION = r"""
module: preflight_host
short_description: Read what a host holds already
description:
  - Reads files, and starts three programs, each of which has its time. What is ours is known by the first line of a
    file, and by what our runs leave.
options:
  top: {description: Directory below which files are read., type: path, default: /}
  mark: {description: First line of every file that the roles write., type: str, required: true}
  home: {description: The platform's directory., type: path, required: true}
  accounts: {description: Names of the service users., type: list, elements: str, required: true}
  ports: {description: Ports that the platform listens on., type: list, elements: int, required: true}
  before: {description: "Time of the control node, to which the host's is compared.", type: float, required: true}
  resolve_seconds: {description: How long the name server has., type: int, default: 10}
"""

RETURN = r"""
found: {description: "What was read, by its kind; filter_plugins/foreign.py judges it.", returned: always, type: dict}
"""

_FIREWALLS = ("nftables.service", "firewalld.service", "netfilter-persistent.service", "shorewall.service")
_UNITS = (
    "milkbot-analytics",
    "milkbot-dashboard",
    "milkbot-trader",
    "milkbot-rollups",
    "milkbot-record",
    "milkbot-simulator",
    "milkbot-operator",
    "milkbot-passkey",
    "milkbot-act",
    "milkbot-act@",
)
_LISTEN = "0A"
# Of dpkg's own file, in which every package is.
_WHOLE = 100_000_000
_DIRECTIVE = re.compile(r"(?:^|[\s;{}])(listen|server_name)\s+([^;{}]+);")
# Databases that somebody made have numbers from here on.
_FIRST_USER_OID = 16384


def accounts(top: Path, names: list[str]) -> list[dict[str, str]]:
    lines = [line.split(":") for line in text_of(top / "etc/passwd").splitlines()]
    return [{"name": f[0], "home": f[5], "shell": f[6]} for f in lines if len(f) == 7 and f[0] in names]


def foreign_files(top: Path, mark: str) -> list[str]:
    """Files with our names that the roles did not write: those of a platform that was set up manually."""
    found = [path for unit in _UNITS for path in top.glob(f"etc/systemd/system/{unit}.*")]
    found += top.glob("etc/nginx/sites-*/milkbot*")
    files = [path for path in found if path.is_file() and not path.is_symlink()]
    return sorted("/" + str(path.relative_to(top)) for path in files if mark not in text_of(path))


def clusters(top: Path, mark: str) -> list[dict[str, Any]]:
    found = []
    for path in sorted(top.glob("etc/postgresql/*/*/postgresql.conf")):
        version, name = path.parts[-3:-1]
        added = [path.parent / "conf.d" / "milkbot.conf", *sorted(path.parent.glob("conf.d/*.conf"))]
        ports = [
            p
            for text in map(text_of, [path, *added])
            for p in re.findall(r"^\s*port\s*=?\s*'?(\d+)", text, re.MULTILINE)
        ]
        data = top / f"var/lib/postgresql/{version}/{name}/base"
        numbers = [entry.name for entry in data.iterdir()] if data.is_dir() else []
        found.append(
            {
                "version": version,
                "name": name,
                "port": int(ports[-1]) if ports else 5432,
                "ours": mark in text_of(added[0]),
                "databases": sum(1 for number in numbers if number.isdigit() and int(number) >= _FIRST_USER_OID),
            }
        )
    return found


def sites(top: Path, mark: str) -> list[dict[str, Any]]:
    """What nginx reads of others: each listen and server_name, with its file and line."""
    enabled = top / "etc/nginx/sites-enabled"
    paths = [top / "etc/nginx/nginx.conf", *sorted(top.glob("etc/nginx/conf.d/*.conf"))]
    paths += sorted(enabled.iterdir()) if enabled.is_dir() else []
    found = []
    for path in paths[:200]:
        text = text_of(path)
        if mark in text or (path.name == "default" and _is_packaged(top, path)):
            continue
        plain = re.sub(r"#[^\n]*", "", text)
        for match in _DIRECTIVE.finditer(plain):
            line = plain.count("\n", 0, match.start(1)) + 1
            where = "/" + str(path.relative_to(top))
            found.append({"file": where, "line": line, "directive": match[1], "value": " ".join(match[2].split())})
        if path.name == "default" and text:
            found.append({"file": "/" + str(path.relative_to(top)), "line": 1, "directive": "default", "value": ""})
    return found


def _is_packaged(top: Path, path: Path) -> bool:
    """Whether it is the distribution's own site, as its package brought it."""
    pattern = r"^ /etc/nginx/sites-available/default ([0-9a-f]{32})"
    known = re.search(pattern, text_of(top / "var/lib/dpkg/status", _WHOLE), re.MULTILINE)
    try:
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        # A link that leads nowhere: nginx itself fails by it.
        return False
    return known is not None and known[1] == digest


def listeners(top: Path, ports: list[int]) -> list[dict[str, Any]]:
    """Who listens on those ports where the platform would."""
    sockets: dict[str, tuple[int, str]] = {}
    for name in ("tcp", "tcp6"):
        for line in text_of(top / "proc/net" / name).splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == _LISTEN and int(port, 16) in ports:
                sockets[fields[9]] = (int(port, 16), address)
    found: dict[int, dict[str, Any]] = {}
    for inode, pid in _owners(top, set(sockets)):
        port = sockets[inode][0]
        cgroup = text_of(top / f"proc/{pid}/cgroup").strip().rpartition("/")[2]
        name = text_of(top / f"proc/{pid}/comm").strip()
        # systemd holds the sockets that it hands on: whoever serves is named.
        if port not in found or found[port]["pid"] == 1:
            found[port] = {"port": port, "process": name, "pid": pid, "unit": cgroup}
    return [found[port] for port in sorted(found)]


def _owners(top: Path, inodes: set[str]) -> Iterator[tuple[str, int]]:
    for process in (top / "proc").iterdir() if inodes else []:
        if not process.name.isdigit():
            continue
        try:
            links = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
        except OSError:
            continue
        for link in links:
            if link.startswith("socket:[") and link[8:-1] in inodes:
                yield link[8:-1], int(process.name)


def firewalls() -> list[str]:
    code, output = answer(["systemctl", "show", "--property=Id,ActiveState,UnitFileState", *_FIREWALLS], 10)
    blocks = output.split("\n\n") if code == 0 else []
    known = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    return [one["Id"] for one in known if one.get("ActiveState") == "active" or one.get("UnitFileState") == "enabled"]


def locales(top: Path) -> dict[str, Any]:
    """The locales that programs are set to use, by where, and those that are there."""
    used: dict[str, str] = {}
    for line in text_of(top / "etc/default/locale").splitlines():
        name, _, value = line.strip().partition("=")
        if name == "LANG" or name.startswith("LC_"):
            used[f"{name} in /etc/default/locale"] = value.strip("\"'")
    return {"used": used, "there": answer(["locale", "-a"], 10)[1].split()}


def unfinished_packages(top: Path) -> list[str]:
    """What dpkg was stopped in."""
    status = text_of(top / "var/lib/dpkg/status", _WHOLE)
    states = "half-installed|unpacked|half-configured|triggers-awaited|triggers-pending"
    named = re.findall(rf"^Package: (\S+)\nStatus: \S+ \S+ (?:{states})$", status, re.MULTILINE)
    journal = top / "var/lib/dpkg/updates"
    pending = [path.name for path in journal.iterdir() if path.name.isdigit()] if journal.is_dir() else []
    return named or (["its journal"] if pending else [])


def main() -> None:
    module = AnsibleModule(
        {
            "top": {"type": "path", "default": "/"},
            "mark": {"type": "str", "required": True},
            "home": {"type": "path", "required": True},
            "accounts": {"type": "list", "elements": "str", "required": True},
            "ports": {"type": "list", "elements": "int", "required": True},
            "before": {"type": "float", "required": True},
            "resolve_seconds": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    clock = time.time()
    top, mark = Path(asked["top"]), str(asked["mark"])
    home = top / str(asked["home"]).lstrip("/")
    found = {
        "clock": clock,
        "before": asked["before"],
        "accounts": accounts(top, asked["accounts"]),
        "home": sorted(path.name for path in home.iterdir()) if home.is_dir() else [],
        # Left by our own runs, whole or killed.
        "begun": any((top / path).exists() for path in ("var/lib/milkbot-upgraded", "run/lock/milkbot-deploy.json")),
        "provisioned": (home / "deploys.jsonl").exists(),
        "sockets": mark in text_of(top / "etc/systemd/system/milkbot-analytics.socket"),
        "files": foreign_files(top, mark),
        "clusters": clusters(top, mark),
        "sites": sites(top, mark),
        "listeners": listeners(top, asked["ports"]),
        "firewalls": firewalls(),
        "locales": locales(top),
        "resolver": resolver(top, asked["resolve_seconds"]),
        "free_gb": {path: round(shutil.disk_usage(path).free / 1e9, 1) for path in ("/", "/var", "/opt", "/usr")},
        "packages": unfinished_packages(top),
    }
    module.exit_json(changed=False, found=found)


if __name__ == "__main__":
    main()
