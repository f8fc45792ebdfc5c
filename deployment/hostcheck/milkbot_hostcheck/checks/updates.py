"""Security updates: whether they install themselves, and which ones wait."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from milkbot_hostcheck.asking import ask
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import APT_TIMERS
from milkbot_hostcheck.row import Row, by_limits, fail, ok, plain, span, unknown, warn

# apt.systemd.daily sets its time after each run of unattended-upgrades that succeeded.
STAMP = Path("/var/lib/apt/periodic/upgrade-stamp")
# Whatever changes what is installed, or what could be, changes one of these.
LISTS, INSTALLED = Path("/var/lib/apt/lists"), Path("/var/lib/dpkg/status")
_BY_HAND = "upgrade.yml brings them"
_SHOWN = 5

_UPGRADE = re.compile(r"Inst (\S+) \[[^]]*\] \((\S+) (.*)\[")
# As apt names where a version comes from, `label:version/archive`. PGDG and deadsnakes have no archive for security.
_SECURITY = re.compile(r"Debian-Security|-security\b|-pgdg\b|New Python Versions")

_QUOTED = re.compile(r'"(.*)";$', re.MULTILINE)


def unattended(host: Host) -> Iterator[Row]:
    name, limits = "unattended upgrades", host.settings.limits
    if not host.settings.unattended:
        yield ok(name, f"switched off (packages_unattended); {_BY_HAND}")
        return
    fix = "site.yml --tags packages"
    known = [host.facts.unit(timer) for timer in APT_TIMERS]
    if not all(known):
        why = host.facts.answer("units/properties").why()
        yield unknown(name, why, f"systemctl status {' '.join(APT_TIMERS)}")
        return
    stopped = [one for one in known if (one.get("ActiveState"), one.get("UnitFileState")) != ("active", "enabled")]
    for one in stopped[:1]:
        value = f"{one.get('Id')} is {one.get('ActiveState')} and {one.get('UnitFileState') or 'not installed'}"
        yield fail(name, f"{value}: none is installed by itself", fix, "active, enabled")
        return
    turned = (limits.unattended_warn_days * 86400, limits.unattended_fail_days * 86400)
    limit = f"warns after {limits.unattended_warn_days:g} days, fails after {limits.unattended_fail_days:g}"
    ran = STAMP.exists()
    age = host.now - (STAMP.stat().st_mtime if ran else host.installed_at())
    value = f"last run {span(age)} ago" if ran else f"no run in the {span(age)} since the installation"
    fix = "journalctl -u apt-daily-upgrade; /var/log/unattended-upgrades/unattended-upgrades.log"
    yield by_limits(name, age, turned, value, limit, fix)


def read(simulated: str) -> list[str]:
    """The packages of which `apt-get --simulate` would install a security update."""
    found = map(_UPGRADE.match, simulated.splitlines())
    return sorted(match[1] for match in found if match and _SECURITY.search(match[3]))


def _marks() -> list[float]:
    return [path.stat().st_mtime for path in (LISTS, INSTALLED)]


def pending(host: Host) -> Iterator[Row]:
    """apt takes half a second of a processor, or many after its lists have changed: it is asked anew only then.

    On a machine that is too busy for it the last answer holds.
    """
    name, marks = "security updates", _marks()
    seen = host.seen.get("updates")
    before: dict[str, Any] = seen if isinstance(seen, dict) else {}
    names = [str(package) for package in before.get("names", [])]
    if before.get("marks") != marks:
        options = ("--simulate", "--quiet", "--ignore-hold", "--option=Debug::NoLocking=1")
        answer = ask(["apt-get", *options, "dist-upgrade"], host.seconds)
        if answer.code == 0:
            names = read(answer.output)
        elif answer.late and before:
            marks = before["marks"]
        else:
            yield unknown(name, answer.why(), "apt-get check")
            return
    host.note["updates"] = {"marks": marks, "names": names}
    if not names:
        yield ok(name, "none is pending", "none")
        return
    value = f"{len(names)} pending: {_named(names)}"
    left = left_alone(names, _excluded(host)) if host.settings.unattended else names
    if left:
        value += f"; upgrade.yml alone installs {_named(left)}"
        yield warn(name, plain(value), "ansible-playbook -i INVENTORY upgrade.yml", "none")
    else:
        yield ok(name, plain(f"{value}; the next unattended run installs them"), "none that waits for upgrade.yml")


def left_alone(names: list[str], excluded: list[str]) -> list[str]:
    """Those that unattended-upgrades does not install: its expressions are for the beginning of a name."""
    return [name for name in names if any(re.match(expression, name) for expression in excluded)]


def _excluded(host: Host) -> list[str]:
    listed = ask(["apt-config", "dump", "Unattended-Upgrade::Package-Blacklist"], host.seconds)
    return [expression for expression in _QUOTED.findall(listed.output) if expression]


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
