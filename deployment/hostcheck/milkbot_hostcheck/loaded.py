"""What a process has read, against what is on disk now. The roles' modules use this file too (milkbot_loaded).

A file counts as unread when it changed after the process read its files. The time of change is the inode's (ctime): a
rename, a copy with old times and `touch -d` all set it, so nothing that was put in place later looks old.
"""

from __future__ import annotations

import calendar
import json
import os
import re
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

PROPERTIES = (
    "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,FragmentPath,DropInPaths,MainPID,"
    "InactiveExitTimestamp,StateChangeTimestamp"
)
# systemd prints whole seconds unless it is asked for more.
SHOW = ("systemctl", "show", "--timestamp=us+utc", f"--property={PROPERTIES}")
# The kernel stamps files by its tick, a process by the clock.
_TICK = 0.02
_ETC = "/etc/systemd/"
_OURS = "milkbot"
_UNITS = Path("/etc/systemd/system")
# A drop-in for all units of a kind, such as a container's manager writes.
_FOR_ALL = re.compile(r"/(service|socket|timer)\.d/")

_NGINX_DIR = Path("/etc/nginx")
_NGINX_FILE = re.compile(r"^# configuration file (.+):$", re.MULTILINE)
_NGINX_READS = re.compile(
    r"^\s*(include|ssl_certificate|ssl_certificate_key|ssl_trusted_certificate|ssl_client_certificate|ssl_dhparam)"
    r"\s+\"?([^;\"]+)\"?\s*;",
    re.MULTILINE,
)

Known = dict[str, str]


def units(said: str) -> list[Known]:
    """The answer of SHOW for several units, in the order in which they were asked for."""
    blocks = [block for block in said.split("\n\n") if block.strip()]
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def moment(text: str) -> float:
    """A time of SHOW in seconds since the epoch; 0 for one that never was."""
    with suppress(ValueError):
        _, day, clock, _ = text.split()
        whole, _, fraction = clock.partition(".")
        return calendar.timegm(time.strptime(f"{day} {whole}", "%Y-%m-%d %H:%M:%S")) + float(f"0.{fraction or 0}")
    return 0.0


def changed_at(path: str | Path) -> float:
    """When the file, or a link to it, last changed, in seconds since the epoch; 0 when there is none.

    Of a link to a directory only the link counts.
    """
    try:
        last = os.lstat(path).st_ctime
        with suppress(OSError):
            behind = Path(path).stat()
            if stat.S_ISREG(behind.st_mode):
                last = max(last, behind.st_ctime)
    except OSError:
        return 0.0
    return last


def unread(paths: Iterable[str | Path], read_at: float) -> list[str]:
    """The paths that changed after `read_at`, which is in seconds since the epoch."""
    return sorted({str(path) for path in paths if changed_at(path) > read_at - _TICK})


def set_back(paths: Iterable[str | Path]) -> None:
    """Bring files of the future, left by a clock that went back, to the present: else they were unread for ever."""
    for path in paths:
        if changed_at(path) > time.time():
            with suppress(OSError):
                Path(path).chmod(stat.S_IMODE(Path(path).stat().st_mode))


def not_read_by_systemd(unit: Mapping[str, str], directory: Path = _UNITS) -> bool:
    """Whether systemd has read another unit than the one on disk.

    Its own word for that (NeedDaemonReload) leaves out a drop-in whose directory is newer than its last reload.
    """
    if unit.get("NeedDaemonReload") == "yes":
        return True
    there = [path for path in directory.glob(f"{unit.get('Id', '')}.d/*.conf") if path.resolve() != Path(os.devnull)]
    return unit.get("LoadState") == "loaded" and not {str(path) for path in there} <= set(_drop_ins(unit))


def _drop_ins(unit: Mapping[str, str]) -> list[str]:
    return unit.get("DropInPaths", "").split()


def own_files(unit: Mapping[str, str]) -> list[str]:
    """The unit's file and drop-ins, as far as the operator or a role wrote them: a package's own restart their unit."""
    there = [unit.get("FragmentPath", ""), *_drop_ins(unit)]
    return [path for path in there if path.startswith(_ETC)]


def overriding(unit: Mapping[str, str]) -> list[str]:
    """Files that change a unit of ours, or what our drop-in says of another one, and that no role wrote."""
    drop_ins = [path for path in _drop_ins(unit) if not _FOR_ALL.search(path)]
    named = unit.get("Id", "").startswith(_OURS)
    foreign = [path for path in drop_ins if not Path(path).name.startswith(_OURS)]
    if not named and len(foreign) == len(drop_ins):
        return []
    fragment = unit.get("FragmentPath", "")
    # `systemctl edit --runtime --full` puts a whole unit before ours.
    return foreign + ([fragment] if named and fragment and not fragment.startswith(_ETC) else [])


def nginx_reads(dump: str) -> list[str]:
    """Every file that nginx reads, by what `nginx -T` printed, and the directories that it includes from."""
    found = set(_NGINX_FILE.findall(dump))
    for word, value in _NGINX_READS.findall(dump):
        # From the directory of the main file, whichever file says it.
        path = _NGINX_DIR / value.strip()
        if word != "include":
            found.add(str(path))
        elif "*" in path.name:
            found.add(str(path.parent))
    return sorted(path for path in found if "$" not in path and not path.startswith("/usr/"))


def nginx_read_at(unit: Mapping[str, str]) -> float:
    """When the workers that serve read their files, in seconds since the epoch; 0 when none serves.

    A reload that the master refuses leaves the old workers. A worker that crashed comes again with the old files, and
    only then the unit's last change of state is older.
    """
    begun = _workers(int(unit.get("MainPID") or 0))
    if not begun:
        return 0.0
    changed = moment(unit.get("StateChangeTimestamp", ""))
    return min([*begun, changed] if changed else begun)


def open_files(limits: str) -> int:
    """How many files a process may open, by its limits as the kernel shows them."""
    found = re.search(r"^Max open files\s+(\d+)", limits, re.MULTILINE)
    return int(found[1]) if found else 0


def _workers(master: int) -> list[float]:
    """When each worker began that takes connections."""
    begun = []
    now, since_boot = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[1]) != master:
                continue
            title = (entry / "cmdline").read_bytes()
            if title.startswith(b"nginx: worker process") and b"shutting down" not in title:
                begun.append(now - since_boot + int(fields[19]) / os.sysconf("SC_CLK_TCK"))
    return begun


# ufw's own report is by its files: what the kernel does is said by these programs, each with the file of its rules.
FIREWALL = {"iptables": Path("/etc/ufw/user.rules"), "ip6tables": Path("/etc/ufw/user6.rules")}
FIREWALL_DEFAULTS = Path("/etc/default/ufw")
# A rule that reads alike in the file and in the kernel's answer, but for the module that the kernel names.
_PLAIN_RULE = re.compile(r"^-A \S+ -p (tcp|udp) --dport \d+ -j (ACCEPT|DROP)$")
_NAMED_MODULE = re.compile(r" -m (tcp|udp)(?= --dport)")


def firewall(program: str, rules: str, defaults: str, kernel: str) -> list[str]:
    """What the kernel's filter (`iptables -S`) does otherwise than ufw's files say; nothing where IPv6 is off."""
    if program == "ip6tables" and not re.search(r"^IPV6=[\"']?yes", defaults, re.MULTILINE | re.IGNORECASE):
        return []
    prefix = "ufw6" if program == "ip6tables" else "ufw"
    there = [_NAMED_MODULE.sub("", line) for line in kernel.splitlines()]
    found = []
    policy = re.search(r"^DEFAULT_INPUT_POLICY=[\"']?(\w+)", defaults, re.MULTILINE)
    if policy and policy[1] == "DROP" and "-P INPUT DROP" not in there:
        found.append(f"{program} lets in what no rule allows")
    jumps = (f"-A INPUT -j {prefix}-before-input", f"-A {prefix}-before-input -j {prefix}-user-input")
    found += [f"{program} lacks {jump}" for jump in jumps if jump not in there]
    wanted = [line.strip() for line in rules.splitlines() if line.startswith(f"-A {prefix}-user-")]
    found += [f"{program} lacks {rule}" for rule in wanted if _PLAIN_RULE.match(rule) and rule not in there]
    chain = f"-A {prefix}-user-input "
    counts = [sum(line.startswith(chain) for line in lines) for lines in (wanted, there)]
    if not found and counts[0] != counts[1]:
        found.append(f"{program} has {counts[1]} rules for what comes in, and the file {counts[0]}")
    return found


# The drop-in of the role ssh; its first part is for everybody.
SSHD_DROP_IN = Path("/etc/ssh/sshd_config.d/00-milkbot.conf")
# They may be given several times, or are printed with more than was given.
_SSHD_NOT_COMPARED = ("hostkey", "allowusers", "persourcepenalties")


def sshd(drop_in: str, said: str) -> list[str]:
    """What sshd does (`sshd -T`) otherwise than that drop-in says: it takes the first value that it reads."""
    runs: dict[str, list[str]] = {}
    for line in said.splitlines():
        keyword, _, value = line.partition(" ")
        runs.setdefault(keyword.lower(), []).append(value)
    for_all = re.split(r"^Match ", drop_in, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line.split(None, 1) for line in for_all.splitlines() if line and not line.startswith("#")]
    wanted: dict[str, str] = {}
    for keyword, value in lines:
        wanted.setdefault(keyword.lower(), value.strip())
    # sshd -T writes an older name of this value.
    alike = {"prohibit-password": "without-password"}
    return [
        f"{keyword} {runs[keyword][0]}"
        for keyword, value in wanted.items()
        # It does not print all of its settings.
        if keyword in runs
        and keyword not in _SSHD_NOT_COMPARED
        and runs[keyword][0].lower() not in (value.lower(), alike.get(value.lower()))
    ]


# One JSON object. The first statement reads the files as a reload would, so that the second knows what waits.
# `ours` are the files of the roles; what stands twice counts as PostgreSQL counts it, the last one.
POSTGRES_OPTIONS = "-c lc_messages=C -c statement_timeout=7s"
POSTGRES_FACTS = r"""
SELECT count(*) FROM pg_file_settings;
WITH files AS (
  SELECT lower(name) AS name, setting, sourcefile, sourceline, error, seqno,
    sourcefile ~ '/conf\.d/milkbot[^/]*\.conf$' AS is_ours FROM pg_file_settings
), last AS (
  SELECT DISTINCT ON (name) * FROM files WHERE name IS NOT NULL ORDER BY name, seqno DESC
), ours AS (
  SELECT DISTINCT ON (name) * FROM files WHERE name IS NOT NULL AND is_ours ORDER BY name, seqno DESC
), elsewhere AS (
  SELECT lower(split_part(entry, '=', 1)) AS name, substr(entry, strpos(entry, '=') + 1) AS setting,
    concat_ws(' ', CASE WHEN setdatabase <> 0 THEN 'ALTER DATABASE ' || datname END,
      CASE WHEN setrole <> 0 THEN 'ALTER ROLE ' || setrole::regrole END) AS place
  FROM pg_db_role_setting LEFT JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS entry
)
SELECT json_build_object(
  'loaded', extract(epoch FROM pg_conf_load_time()),
  'files', (SELECT json_agg(DISTINCT sourcefile) FROM files WHERE sourcefile IS NOT NULL),
  'config_file', current_setting('config_file'), 'data_directory', current_setting('data_directory'),
  'hba_file', current_setting('hba_file'), 'ident_file', current_setting('ident_file'),
  'errors', (SELECT coalesce(json_agg(concat_ws(': ', sourcefile || ':' || sourceline, name, error)), '[]') FROM files
    WHERE error !~ 'could not be applied|cannot be changed without restart'),
  'system', (SELECT coalesce(json_agg(DISTINCT name), '[]') FROM files
    WHERE sourcefile = current_setting('data_directory') || '/postgresql.auto.conf' AND name IS NOT NULL),
  'rules', (SELECT coalesce(json_agg('line ' || line_number || ': ' || error), '[]')
    FROM pg_hba_file_rules WHERE error IS NOT NULL),
  'pending', (SELECT coalesce(json_agg(json_build_object('name', s.name, 'runs', s.setting, 'wanted', last.setting,
      'file', last.sourcefile, 'ours', coalesce(last.is_ours, false))), '[]')
    FROM pg_settings s LEFT JOIN last ON last.name = lower(s.name)
    -- PostgreSQL 15 keeps the mark when the line that wanted another value has gone again.
    WHERE s.pending_restart AND coalesce(last.setting, s.boot_val) IS DISTINCT FROM s.setting),
  'overridden', (SELECT coalesce(json_agg(json_build_object('name', o.name, 'wanted', o.setting,
      'runs', current_setting(o.name, true), 'by',
      CASE WHEN NOT last.is_ours THEN last.sourcefile || ':' || last.sourceline ELSE s.source END)), '[]')
    FROM ours o JOIN last ON last.name = o.name LEFT JOIN pg_settings s ON lower(s.name) = o.name
    WHERE NOT last.is_ours OR s.source NOT IN ('configuration file', 'default', 'database', 'user', 'database user',
      'session', 'client')),
  'elsewhere', (SELECT coalesce(json_agg(json_build_object('name', o.name, 'wanted', o.setting, 'runs', e.setting,
      'by', e.place) ORDER BY o.name), '[]') FROM ours o JOIN elsewhere e ON e.name = o.name)
);
"""
PSQL: Sequence[str] = ("runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "--dbname=postgres")


class Postgres:
    """What a cluster runs with, by the answer to POSTGRES_FACTS."""

    def __init__(self, said: str) -> None:
        """Raises ValueError when that is no answer."""
        found: dict[str, Any] = json.loads(said.strip().splitlines()[-1] if said.strip() else "")
        self.loaded = float(found["loaded"])
        self.errors: list[str] = [*found["errors"], *(f"{found['hba_file']}: {rule}" for rule in found["rules"])]
        self.overridden: list[Known] = [*found["overridden"], *found["elsewhere"]]
        self._system: list[str] = found["system"]
        self._pending: list[dict[str, Any]] = found["pending"]
        self._places = {name: str(found[name]) for name in ("hba_file", "ident_file")}
        self.config_dir = Path(str(found["config_file"])).parent
        self.alter_system = str(Path(str(found["data_directory"])) / "postgresql.auto.conf")
        self._files: list[str] = found["files"] or []

    @property
    def reads(self) -> list[str]:
        """Every file that a reload reads, and the directory from which one may have been removed."""
        own = [self.alter_system, str(self.config_dir / "postgresql.conf"), str(self.config_dir / "conf.d")]
        return sorted({*self._files, *self._places.values(), *own})

    @property
    def unread(self) -> list[str]:
        return unread(self.reads, self.loaded)

    @property
    def missing(self) -> list[str]:
        """Files of ours that it does not read at all."""
        ours = [str(path) for path in self.config_dir.glob("conf.d/milkbot*.conf")]
        return sorted(set(ours) - set(self._files))

    @property
    def misplaced(self) -> list[Known]:
        """Rules of access that it takes from elsewhere than where ours are."""
        wanted = {
            "hba_file": str(self.config_dir / "pg_hba.conf"),
            "ident_file": str(self.config_dir / "pg_ident.conf"),
        }
        return [
            {"name": name, "wanted": path, "runs": self._places[name], "by": self._sets(name)}
            for name, path in wanted.items()
            if self._places[name] != path
        ]

    def _sets(self, name: str) -> str:
        return self.alter_system if name in self._system else "postgresql.conf, or the server's command line"

    @property
    def waiting(self) -> list[str]:
        """Settings that a restart would change, but those that the operator has set by ALTER SYSTEM."""
        return sorted(str(entry["name"]) for entry in self._pending if entry["file"] != self.alter_system)

    @property
    def waiting_for_the_operator(self) -> list[str]:
        return sorted(str(entry["name"]) for entry in self._pending if entry["file"] == self.alter_system)
