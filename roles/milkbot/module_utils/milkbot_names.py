"""Whether the name of the packages' server resolves: apt itself is silent for minutes when it does not."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

_SOURCE = re.compile(r"^(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)https?://(?:[^@/]*@)?([^/:\s]+)", re.MULTILINE)
_ADDRESS = re.compile(r"[\d.]+")


def text_of(path: Path, most: int = 1_000_000) -> str:
    """What is in a file, empty when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:most]
    except OSError:
        return ""


def answer(command: list[str], seconds: int) -> tuple[int, str]:
    """The exit code and output of a program; 124 when it had to be ended."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, check=False, capture_output=True, text=True, env=environment, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return 124, ""
    except OSError:
        return 127, ""
    return done.returncode, done.stdout


def resolver(top: Path, seconds: int) -> dict[str, Any]:
    """`name` and the exit code of looking it up. A server that apt reaches through a proxy is not looked up here."""
    settings = [path for path in sorted(top.glob("etc/apt/apt.conf*/*")) if path.is_file()]
    lines = [line for path in [top / "etc/apt/apt.conf", *settings] for line in text_of(path).splitlines()]
    proxied = any("proxy" in line.lower() and "://" in line for line in lines if not line.lstrip().startswith("//"))
    files = [top / "etc/apt/sources.list", *sorted(top.glob("etc/apt/sources.list.d/*"))]
    names = [name for path in files for name in _SOURCE.findall(text_of(path)) if not _ADDRESS.fullmatch(name)]
    if proxied or not names:
        return {"name": "", "code": 0, "problem": {}}
    code, _ = answer(["getent", "ahosts", names[0]], seconds)
    servers = ", ".join(re.findall(r"^nameserver\s+(\S+)", text_of(top / "etc/resolv.conf"), re.MULTILINE)) or "none"
    problem = {
        "name": f"address of {names[0]}",
        "value": f"no answer within {seconds} s" if code == 124 else "no address",
        "fix": f"the name servers of this host are {servers}: correct /etc/resolv.conf, or see resolvectl status",
    }
    return {"name": names[0], "code": code, "problem": problem if code else {}}
