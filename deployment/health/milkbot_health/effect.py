"""Whether what runs is what is on disk: nginx, PostgreSQL, the units, and the kernel's packet filter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from milkbot_health import loaded
from milkbot_health.asking import ask
from milkbot_health.host import Host
from milkbot_health.row import Row, fail, ok, plain, unknown, warn
from milkbot_health.units import UNITS, oneshots, services_of, timers

_PAGE, _SETTINGS, _UNITS = "configuration of nginx", "settings of PostgreSQL", "files of the units"
_LISTED = 3


def nginx(host: Host) -> Iterator[Row]:
    yield _nginx(host)


def _nginx(host: Host) -> Row:
    limit = "valid, and loaded since its last change"
    dump = ask(["nginx", "-T", "-q"], host.seconds)
    if dump.late or dump.code == 127:
        return unknown(_PAGE, dump.why(), "nginx -t")
    if dump.code != 0:
        value = f"not valid, and the next start of nginx fails: {dump.why()}"
        return fail(_PAGE, value, "nginx -t; correct that file, then systemctl reload nginx", limit)
    shown = ask([*loaded.SHOW, "nginx.service"], host.seconds)
    if shown.code != 0:
        return unknown(_PAGE, shown.why(), "systemctl status nginx")
    read_at = loaded.nginx_read_at(loaded.units(shown.output)[0])
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
        mend = "give postgresql.conf its line include_dir = 'conf.d' again, then site.yml --tags postgres"
        return fail(name, f"not read at all: {_listed(server.missing)}", mend, limit)
    if changed := [*server.misplaced, *server.overridden]:
        said = [f"{entry['name']} = {entry['runs']} by {entry['by']}, not {entry['wanted']}" for entry in changed]
        mend = "site.yml --tags postgres; or write the value into postgres_settings of the inventory"
        return fail(name, f"overridden: {_listed(said)}", mend, limit)
    if new := server.unread:
        mend = "site.yml --tags postgres, or SELECT pg_reload_conf()"
        return warn(name, f"not loaded yet: {_listed(new)}", mend, limit)
    if waits := [*server.waiting, *server.waiting_for_the_operator]:
        return warn(name, f"wait for a restart: {_listed(waits)}", "restart.yml -e postgres=yes", limit)
    return ok(name, "those of the files", limit)


def units(host: Host) -> Iterator[Row]:
    yield _units(host)


def _units(host: Host) -> Row:
    always = [*services_of(host), *timers()]
    names = [*always, *oneshots(), *sorted(path.name for path in UNITS.glob("milkbot-*-next.service"))]
    answer = ask([*loaded.SHOW, *names], host.seconds)
    if answer.code != 0:
        return unknown(_UNITS, answer.why(), "systemctl status")
    found = dict(zip(names, loaded.units(answer.output), strict=True))
    return judge_units(found, always)


def judge_units(found: Mapping[str, loaded.Known], always: Iterable[str]) -> Row:
    """Of all units, and of those that run `always` whether they began before a file of theirs changed."""
    limit = "as the roles wrote them, and in effect"
    named = [{**known, "Id": name} for name, known in found.items()]
    foreign = [f"{known['Id']} by {path}" for known in named for path in loaded.overriding(known)]
    if foreign:
        mend = "systemctl revert UNIT, or bring what it says into the code"
        return warn(_UNITS, f"overridden: {_listed(foreign)}", mend, limit)
    stale = [name for name, known in found.items() if known["NeedDaemonReload"] == "yes"]
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
    answer = ask(["ufw", "status"], host.seconds)
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
        mend = "ufw reload; then site.yml --tags ufw"
        return fail(name, f"ufw says active, but {_listed(problems)}", mend, limit)
    return ok(name, "active", limit)


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return plain(", ".join(words[:_LISTED]) + more)
