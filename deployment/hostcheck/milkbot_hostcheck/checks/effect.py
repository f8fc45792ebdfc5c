"""Whether what runs is what is on disk: nginx, PostgreSQL, the units, sshd, and the kernel's packet filter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from milkbot_hostcheck import loaded
from milkbot_hostcheck.asking import ask
from milkbot_hostcheck.checks.units import services_of
from milkbot_hostcheck.collect.units import next_processes, oneshots, timers
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, fail, ok, plain, unknown, warn

_PAGE, _SETTINGS, _UNITS = "configuration of nginx", "settings of PostgreSQL", "files of the units"
_SSH, _SSH_DIR, _SSH_UNIT = "configuration of sshd", Path("/etc/ssh"), "ssh.service"
# What it wants in /run is there only while the unit runs: a socket may start it for each login.
_SSH_WANTS = "/run/sshd"
_LISTED = 3


def nginx(host: Host) -> Iterator[Row]:
    yield _nginx(host)


def _nginx(host: Host) -> Row:
    limit = "valid, and loaded since its last change"
    dump = host.facts.answer("nginx/test")
    if dump.late or dump.not_run:
        return unknown(_PAGE, dump.why(), "nginx -t")
    if dump.code != 0:
        value = f"not valid, and the next start of nginx fails: {dump.why()}"
        return fail(_PAGE, value, "nginx -t; correct that file, then systemctl reload nginx", limit)
    read_at = loaded.nginx_read_at(host.facts.unit("nginx.service"))
    if read_at == 0:
        return unknown(_PAGE, "no worker of nginx runs", "systemctl status nginx")
    if new := loaded.unread(loaded.nginx_reads(dump.output), read_at):
        return warn(_PAGE, f"not loaded yet: {_listed(new)}", "nginx -t && systemctl reload nginx", limit)
    return ok(_PAGE, "loaded", limit)


def postgres(host: Host) -> Iterator[Row]:
    yield _postgres(host)


def _postgres(host: Host) -> Row:
    environment = {"PGOPTIONS": loaded.POSTGRES_OPTIONS, "PGCONNECT_TIMEOUT": "5", "PGAPPNAME": "milkbot-health"}
    command = [*loaded.PSQL, "--file=-"]
    answer = ask(command, host.seconds, given=loaded.POSTGRES_FACTS, environment=environment)
    try:
        server = loaded.Postgres(answer.output)
    except (ValueError, KeyError):
        return unknown(_SETTINGS, answer.why(), "systemctl status postgresql; runuser -u postgres -- psql")
    return judge_postgres(server)


def judge_postgres(server: loaded.Postgres) -> Row:
    """The worst of what is to be said of the server's settings."""
    name, limit = _SETTINGS, "those of the files, and loaded"
    if server.errors:
        return fail(name, f"the files have errors: {_listed(server.errors)}", "correct them, then reload", limit)
    if server.missing:
        remedy = "give postgresql.conf its line include_dir = 'conf.d' again, then site.yml --tags postgres"
        return fail(name, f"not read at all: {_listed(server.missing)}", remedy, limit)
    if changed := [*server.misplaced, *server.overridden]:
        said = [f"{entry['name']} = {entry['runs']} by {entry['by']}, not {entry['wanted']}" for entry in changed]
        remedy = "site.yml --tags postgres; or write the value into postgres_settings of the inventory"
        return fail(name, f"overridden: {_listed(said)}", remedy, limit)
    if new := server.unread:
        remedy = "site.yml --tags postgres, or SELECT pg_reload_conf()"
        return warn(name, f"not loaded yet: {_listed(new)}", remedy, limit)
    if waits := [*server.waiting, *server.waiting_for_the_operator]:
        return warn(name, f"wait for a restart: {_listed(waits)}", "restart.yml -e postgres=yes", limit)
    return ok(name, "those of the files", limit)


def units(host: Host) -> Iterator[Row]:
    yield _units(host)


def _units(host: Host) -> Row:
    always = [*services_of(host), *timers()]
    found = host.facts.units()
    if not found:
        return unknown(_UNITS, host.facts.answer("units/properties").why(), "systemctl status")
    return judge_units({name: found[name] for name in [*always, *oneshots(), *next_processes()]}, always)


def judge_units(found: Mapping[str, loaded.Known], always: Iterable[str]) -> Row:
    """Of all units, and of those that run `always` whether they began before a file of theirs changed."""
    limit = "as the roles wrote them, and in effect"
    named = [{**known, "Id": name} for name, known in found.items()]
    foreign = [f"{known['Id']} by {path}" for known in named for path in loaded.overriding(known)]
    if foreign:
        remedy = "systemctl revert UNIT, or bring what it says into the code"
        return warn(_UNITS, f"overridden: {_listed(foreign)}", remedy, limit)
    stale = [known["Id"] for known in named if loaded.not_read_by_systemd(known)]
    if stale:
        return warn(_UNITS, f"not read by systemd yet: {_listed(stale)}", "site.yml; or systemctl daemon-reload", limit)
    old = [
        name
        for name in always
        if found[name]["ActiveState"] == "active"
        and loaded.unread(loaded.own_files(found[name]), loaded.moment(found[name]["InactiveExitTimestamp"]))
    ]
    if old:
        return warn(_UNITS, f"began before their files changed: {_listed(old)}", "site.yml --tags systemd", limit)
    return ok(_UNITS, "in effect", limit)


def firewall(host: Host) -> Iterator[Row]:
    yield _firewall(host)


def _firewall(host: Host) -> Row:
    name, limit = "firewall", "active, its rules in the kernel"
    answer = host.facts.answer("network/firewall")
    if answer.code != 0:
        return unknown(name, answer.why(), "ufw status")
    if not answer.output.startswith("Status: active"):
        return fail(name, "it lets everything in", "ufw enable; then site.yml --tags ufw", limit)
    problems = []
    for program, file in loaded.FIREWALL.items():
        kernel = ask([program, "-S"], host.seconds / 2)
        if kernel.code != 0:
            return unknown(name, kernel.why(), f"{program} -S")
        try:
            files = [path.read_text(encoding="utf-8") for path in (file, loaded.FIREWALL_DEFAULTS)]
        except OSError as error:
            return unknown(name, str(error), "ufw status")
        problems += loaded.firewall(program, files[0], files[1], kernel.output)
    if problems:
        remedy = "ufw reload; then site.yml --tags ufw"
        return fail(name, f"ufw says active, but {_listed(problems)}", remedy, limit)
    return ok(name, "active", limit)


def ssh(host: Host) -> Iterator[Row]:
    yield _ssh(host)


def _ssh(host: Host) -> Row:
    limit = "valid, loaded, its port let in"
    answer = ask(["sshd", "-T"], host.seconds)
    if answer.late or answer.not_run or _SSH_WANTS in answer.complaint:
        return unknown(_SSH, answer.why(), "sshd -T")
    if answer.code != 0:
        value = f"not valid, and the next start of sshd fails: {answer.why()}"
        return fail(_SSH, value, "correct it before you log out; sshd -t, then systemctl reload ssh", limit)
    if shut := ssh_shut(answer.output, _text(loaded.FIREWALL["iptables"])):
        remedy = "ufw allow PORT/tcp before you log out; then set ufw_ssh_ports in the inventory"
        return fail(_SSH, f"the firewall has no rule for its port {_listed(shut)}: nobody can log in", remedy, limit)
    unit = host.facts.unit(_SSH_UNIT)
    if not unit:
        return unknown(_SSH, host.facts.answer("units/properties").why(), f"systemctl status {_SSH_UNIT}")
    files = [_SSH_DIR / "sshd_config", *_SSH_DIR.glob("sshd_config.d/*.conf")]
    if unit["ActiveState"] == "active" and (new := loaded.unread(files, loaded.moment(unit["StateChangeTimestamp"]))):
        return warn(_SSH, f"not loaded yet: {_listed(new)}", "sshd -t && systemctl reload ssh", limit)
    if other := loaded.sshd(_text(loaded.SSHD_DROP_IN), answer.output):
        value = f"another file is read before {loaded.SSHD_DROP_IN.name}, and says {_listed(other)}"
        return fail(
            _SSH, value, f"ls {_SSH_DIR}/sshd_config.d; remove it there, or set ssh_settings in the inventory", limit
        )
    return ok(_SSH, "loaded", limit)


def _text(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def ssh_shut(said: str, rules: str) -> list[str]:
    """The ports of `sshd -T` that no rule of ufw's names; nothing where it has none, or lets an address in whole."""
    ports = re.findall(r"^port (\d+)$", said, re.MULTILINE)
    named = {port for value in re.findall(r" --dports? (\S+)", rules) for port in value.split(",")}
    pairs = [value.split(":") for value in named if ":" in value]
    spans = [range(int(low), int(high) + 1) for low, high in pairs]
    if re.search(r"^-A ufw-user-input (?!.*--dport).*-j ACCEPT$", rules, re.MULTILINE):
        return []
    return [port for port in ports if named and port not in named and not any(int(port) in span for span in spans)]


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return plain(", ".join(words[:_LISTED]) + more)
