"""Ansible module: what an upgrade of the packages would change, and what speaks against it. Changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: upgrade_plan
short_description: Say what apt would upgrade, and which services run what was replaced
options:
  postgres_version: {description: "The major version of PostgreSQL, which stays.", type: int, required: true}
  policy: {description: "File by which we keep package scripts from restarting services.", type: path, required: true}
  policy_mark: {description: A line of that file that says that it is ours., type: str, required: true}
  marker: {description: File that an upgrade leaves which did not come to its end., type: path, required: true}
"""

RETURN = r"""
packages: {description: "C(name), C(before) (empty when new) and C(after) of each.", returned: always, type: list}
table: {description: "The same as lines of text, and what is held back or phased.", returned: always, type: list}
services: {description: Units that run code which was replaced., returned: always, type: list}
kernel: {description: Whether another kernel waits for a reboot., returned: always, type: bool}
damaged: {description: Packages whose unpacking was cut off; dpkg takes them anew only., returned: always, type: list}
unfinished: {description: Whether an upgrade of ours did not come to its end., returned: always, type: bool}
problems: {description: "Why not, as name, value and fix.", returned: always, type: list}
"""

_LINE = re.compile(r"(Inst|Remv) (\S+)(?: \[([^]]*)\])?(?: \((\S+))?")
_UNITS = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_SIZE = re.compile(r"([\d,.]+) (B|kB|MB|GB) (?:of archives|of additional disk space)")
# Headings of apt's lists (apt-private/private-output.cc), up to version 2 and from 3 on.
_KEPT = ("The following packages have been kept back:", "Not upgrading:")
_PHASED = ("The following upgrades have been deferred due to phasing:", "Not upgrading yet due to phasing:")
_SERVER = re.compile(r"postgresql-(\d+)")
_SPARE = 300_000_000
_UPGRADE = ["apt-get", "--quiet", "upgrade", "--with-new-pkgs"]

Package = dict[str, str]
Problem = dict[str, str]


def said(*command: str) -> tuple[int, str, str]:
    environment = {**os.environ, "LC_ALL": "C", "NEEDRESTART_SUSPEND": "1"}
    done = subprocess.run(  # noqa: S603 - our own words
        command, check=False, capture_output=True, text=True, env=environment
    )
    return done.returncode, done.stdout, done.stderr


def read_simulation(text: str) -> tuple[list[Package], list[str], list[str], list[str]]:
    """What would be installed, removed, kept back and is still phased, from what `apt-get --simulate` printed."""
    packages, removed = [], []
    for line in text.splitlines():
        if match := _LINE.match(line):
            if match[1] == "Remv":
                removed.append(match[2])
            else:
                packages.append({"name": match[2], "before": match[3] or "", "after": match[4] or ""})
    return packages, removed, _listed(text, _KEPT), _listed(text, _PHASED)


def _listed(text: str, headings: tuple[str, ...]) -> list[str]:
    """The names in the indented lines below one of the headings."""
    names: list[str] = []
    inside = False
    for line in text.splitlines():
        if line in headings:
            inside = True
        elif not line.startswith("  "):
            inside = False
        elif inside:
            names += line.split()
    return names


def needed(text: str) -> int:
    """Bytes that the archives and what is in them take."""
    return sum(int(float(number.replace(",", "")) * _UNITS[unit]) for number, unit in _SIZE.findall(text))


def other_majors(packages: list[Package], stays: int) -> list[Problem]:
    """Another major version is a new, empty server on another port, and no upgrade of the ledger."""
    found = [entry for entry in packages if (match := _SERVER.fullmatch(entry["name"])) and int(match[1]) != stays]
    return [
        {
            "name": entry["name"],
            "value": entry["after"],
            "fix": f"upgrade.yml brings minor versions of PostgreSQL {stays} only, and never another major one; "
            "hold what asks for it: apt-mark hold postgresql postgresql-contrib",
        }
        for entry in found
        if not entry["before"]
    ]


def table(
    packages: list[Package], held: list[str], kept: list[str], removed: list[str], phased: list[str]
) -> list[str]:
    width = max((len(entry["name"]) for entry in packages), default=0)
    rows = [f"{entry['name']:{width}}  {entry['before'] or 'new'} -> {entry['after']}" for entry in packages]
    rows += [f"{name}: held by apt-mark, not changed" for name in held]
    rows += [f"{name}: not yet: Ubuntu brings it to some machines first (a phased update)" for name in phased]
    others = [name for name in kept if name not in held and name not in phased]
    rows += [f"{name}: kept back by apt, as it would remove something" for name in others]
    return [*rows, *(f"{name}: would be removed" for name in removed)]


def read_needrestart(text: str) -> tuple[list[str], bool]:
    """The units that run code which was replaced, and whether another kernel waits."""
    found = dict.fromkeys(line.split(": ", 1)[1] for line in text.splitlines() if line.startswith("NEEDRESTART-SVC: "))
    return sorted(found), "NEEDRESTART-KSTA: 3" in text or "NEEDRESTART-KSTA: 2" in text


def read_flags(text: str) -> list[str]:
    """The packages that dpkg wants installed anew before anything else, from lines of a name and its error flag."""
    return [name for name, flag in (line.split() for line in text.splitlines()) if flag == "reinstreq"]


def broken(unfinished: bool) -> list[Problem]:  # noqa: FBT001 - a fact, and not a choice
    """What apt or dpkg complain of by themselves. The next upgrade repairs what a killed one left."""
    code, audit, complaint = said("dpkg", "--audit")
    if (code != 0 or audit.strip()) and not unfinished:
        value = " ".join((audit or complaint).split())[:200]
        return [{"name": "dpkg", "value": value, "fix": "finish what it was doing: dpkg --configure -a"}]
    code, _, complaint = said("apt-get", "check")
    if code != 0 and not unfinished:
        value = " ".join(complaint.split())[:200]
        return [{"name": "apt", "value": value, "fix": "fix it first: apt-get --fix-broken install"}]
    return []


def no_room(text: str) -> list[Problem]:
    wanted = needed(text) + _SPARE
    short = [path for path in ("/", "/usr", "/var") if shutil.disk_usage(path).free < wanted]
    return [
        {
            "name": f"disk at {path}",
            "value": f"{shutil.disk_usage(path).free / 1e6:.0f} MB free",
            "fix": f"make room, the upgrade takes {wanted / 1e6:.0f} MB: apt-get clean, journalctl --vacuum-size=200M",
        }
        for path in short[:1]
    ]


def foreign_policy(policy: Path, mark: str) -> list[Problem]:
    if not policy.exists() or mark in policy.read_text(encoding="utf-8", errors="replace"):
        return []
    fix = "this upgrade decides itself what is restarted: move that file away"
    return [{"name": str(policy), "value": "is not ours", "fix": fix}]


def main() -> None:
    module = AnsibleModule(
        {
            "postgres_version": {"type": "int", "required": True},
            "policy": {"type": "path", "required": True},
            "policy_mark": {"type": "str", "required": True},
            "marker": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    asked: dict[str, Any] = module.params
    unfinished = Path(asked["marker"]).exists()
    problems = foreign_policy(Path(asked["policy"]), asked["policy_mark"]) + broken(unfinished)
    code, simulated, complaint = said(*_UPGRADE, "--simulate", "--option", "Debug::NoLocking=1")
    if code != 0 and not unfinished:
        value = " ".join(complaint.split())[:200]
        problems.append({"name": "apt", "value": value, "fix": "apt-get upgrade on the host says it at length"})
    packages, removed, kept, phased = read_simulation(simulated)
    _, sizes, _ = said(*_UPGRADE, "--assume-no", "--option", "Debug::NoLocking=1")
    held = said("apt-mark", "showhold")[1].split()
    problems += other_majors(packages, asked["postgres_version"]) + (no_room(sizes) if packages else [])
    _, flags, _ = said("dpkg-query", "--show", "--showformat", "${binary:Package} ${db:Status-Eflag}\n")
    services, kernel = read_needrestart(said("needrestart", "-b", "-r", "l")[1] if shutil.which("needrestart") else "")
    module.exit_json(
        changed=False,
        packages=packages,
        table=table(packages, held, kept, removed, phased),
        services=services,
        kernel=kernel or Path("/run/reboot-required").exists(),
        damaged=read_flags(flags),
        unfinished=unfinished,
        problems=problems,
    )


if __name__ == "__main__":
    main()
