"""What a host holds already: what the platform would take or break is refused, with the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Problem = dict[str, str]

_NO_LOGIN = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")
_POSTGRES_PORT = 5432
# Below the platform's directory; each role makes some of them.
_OURS = {
    *("current", "data", "deployment", "deploys.jsonl", "kalshi_private_key.pem", "logs", "releases", "venv"),
    *(".env", ".cache"),
}
# The units that may hold a port; the others are for ours.
_UNITS = {80: "nginx.service", 443: "nginx.service", _POSTGRES_PORT: "postgresql@"}
_BUILT_IN = {"", "C", "POSIX", "C.utf8"}
_CLOCK_SECONDS = 30


def _problem(name: str, value: object, fix: str) -> Problem:
    return {"name": name, "value": str(value), "fix": fix}


def _accounts(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Problem]:
    homes: Mapping[str, str] = expected["accounts"]
    for account in [] if _known(found) else found["accounts"]:
        name, home, shell = account["name"], account["home"], account["shell"]
        if name not in homes:
            continue
        fix = f"the platform runs as {name}: give yours another name (usermod --login), or take another machine"
        if shell not in _NO_LOGIN:
            yield _problem(f"account {name}", f"can log in ({shell})", fix)
        elif home != homes[name]:
            yield _problem(f"account {name}", f"has its home in {home}, and ours in {homes[name]}", fix)
    if expected["login"] in homes:
        fix = "that account is a service's, which may not log in: let Ansible connect as another user with sudo"
        yield _problem("ansible_user", expected["login"], fix)
    there = {account["name"] for account in found["accounts"]}
    for name in expected["operators"]:
        if name not in there:
            fix = "there is no such login on the host: make it first (adduser), or leave it out"
            yield _problem("systemd_operators", name, fix)
        elif name in homes:
            yield _problem("systemd_operators", name, "that account is a service's, which may not log in: leave it out")


def _known(found: Mapping[str, Any]) -> bool:
    """Whether our own runs, whole or killed, have been here: they began on a host that this had judged."""
    return bool(found["begun"] or found["provisioned"])


def _files(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Problem]:
    home = expected["home"]
    strange = sorted(set(found["home"]) - _OURS)
    if strange and "releases" not in found["home"]:
        value = f"holds {', '.join(strange[:5])}, and no release of ours"
        yield _problem(home, value, f"move it away: mv {home} {home}.before")
    for path in [] if _known(found) else found["files"]:
        fix = "it would be replaced: move it away, with whatever else belongs to that installation"
        yield _problem(path, "is not written by these roles", fix)


def _clusters(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Problem]:
    """Ours has the default port, which every client uses without an option."""
    own = f"{expected['postgres_version']}/main"
    for cluster in found["clusters"]:
        name, port = f"{cluster['version']}/{cluster['name']}", cluster["port"]
        file = f"/etc/postgresql/{name}/postgresql.conf"
        if name != own and port == _POSTGRES_PORT:
            fix = f"our cluster {own} needs it: set another in {file} and restart that one, or take another machine"
            yield _problem(f"PostgreSQL cluster {name}", f"has port {port}", fix)
        elif name == own and port != _POSTGRES_PORT:
            fix = f"the platform needs port {_POSTGRES_PORT}: set it in {file} and restart that cluster"
            yield _problem(f"PostgreSQL cluster {name}", f"has port {port}", fix)
        if name == own and cluster["databases"] and not cluster["ours"]:
            fix = (
                "the platform takes this cluster for itself, and lets nobody else in: "
                "move them to a cluster of their own (pg_createcluster, pg_dumpall), or take another machine"
            )
            yield _problem(
                f"PostgreSQL cluster {name}", f"holds {cluster['databases']} databases that are not ours", fix
            )


def _sites(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Problem]:
    for entry in found["sites"]:
        where, words = f"{entry['file']}:{entry['line']}", entry["value"].split()
        if entry["directive"] == "default" and not _known(found):
            fix = "the role removes the distribution's site: give yours a name of its own in sites-enabled"
            yield _problem(where, "is the distribution's site, and was edited", fix)
        elif entry["directive"] == "listen" and {"default_server", "default"} & set(words):
            if _port(words[0]) in (80, 443):
                fix = "the platform answers what has no other name: remove default_server, or take another machine"
                yield _problem(where, f"listen {entry['value']}", fix)
        elif entry["directive"] == "server_name" and (domain := next(iter(set(words) & set(expected["domains"])), "")):
            fix = f"the platform serves {domain} (milkbot_domain): remove the name there, or give another"
            yield _problem(where, f"server_name {entry['value']}", fix)


def _port(listen: str) -> int:
    if listen.startswith("unix:"):
        return 0
    last = "" if listen.endswith("]") else listen.rpartition(":")[2]
    return int(last) if last.isdigit() else 80


def _listeners(found: Mapping[str, Any]) -> Iterator[Problem]:
    for one in found["listeners"]:
        # systemd holds our sockets, before and after a service that answers on them.
        if one["unit"].startswith(_UNITS.get(one["port"], "milkbot-")) or (one["pid"] == 1 and found["sockets"]):
            continue
        value = f"{one['process']} (process {one['pid']}, {one['unit'] or 'no unit'}) listens there"
        yield _problem(
            f"port {one['port']}", value, "the platform needs it: stop that program, or move it to another port"
        )


def _others(found: Mapping[str, Any]) -> Iterator[Problem]:
    for unit in found["firewalls"]:
        fix = f"two firewalls undo each other: systemctl disable --now {unit}; ufw_extra_rules keeps more ports open"
        yield _problem("firewall", f"{unit} is active or enabled", fix)
    there = {_plain(name) for name in found["locales"]["there"]}
    for where, value in sorted(found["locales"]["used"].items()):
        if there and _plain(value) not in {*there, *_BUILT_IN}:
            fix = f"programs fail without it: locale-gen {value} (see /etc/locale.gen), or LANG=C.UTF-8 in that file"
            yield _problem(where, f"{value}, which this host has not", fix)
    if found["packages"] and not _known(found):
        fix = "finish what was stopped: dpkg --configure -a; apt-get --fix-broken install"
        yield _problem("dpkg", f"was stopped in {', '.join(found['packages'][:5])}", fix)


def _plain(locale: str) -> str:
    name, _, coding = locale.partition(".")
    return f"{name}.{coding.replace('-', '').lower()}" if coding else name


def _clock(found: Mapping[str, Any], after: float) -> Iterator[Problem]:
    """The host read its clock between the two times of this machine."""
    ahead, behind = found["clock"] - after, found["before"] - found["clock"]
    off = max(ahead, behind)
    if off > _CLOCK_SECONDS:
        way = "ahead of" if ahead > behind else "behind"
        fix = "the exchange refuses a wrong time: timedatectl set-ntp true there, or correct this machine's clock"
        yield _problem("clock", f"{off:.0f} s {way} this machine's", fix)


def _disk(found: Mapping[str, Any], minimum: float) -> Iterator[Problem]:
    """One that is full on a host that runs may be what this run is for: its health check reports it."""
    short = {} if found["provisioned"] else {p: free for p, free in found["free_gb"].items() if free < minimum}
    for path, free in sorted(short.items())[:1]:
        fix = f"make room, {minimum:g} GB (preflight_minimum_free_gb): apt-get clean, journalctl --vacuum-size=200M"
        yield _problem(f"free disk at {path}", f"{free:g} GB", fix)


def foreign(found: Mapping[str, Any], expected: Mapping[str, Any], after: float) -> list[Problem]:
    """What would be taken, broken, or fail later. `after` is the time of this machine when the host had answered."""
    return [
        *_accounts(found, expected),
        *_files(found, expected),
        *_clusters(found, expected),
        *_sites(found, expected),
        *_listeners(found),
        *_others(found),
        *([found["resolver"]["problem"]] if found["resolver"]["problem"] else []),
        *_clock(found, after),
        *_disk(found, float(expected["free_gb"])),
    ]


class FilterModule:
    """What Ansible imports."""

    def filters(self) -> dict[str, Any]:
        return {"preflight_foreign": foreign}
