"""Every row of the health check, how to make it fail for real, and how to repair that: shell commands of root's."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.deploy.broken import crowd, failing, held
from tests.deploy.platform import POSTGRES_UNIT

_ENV = "/etc/milkbot/health.env"
_LIMITS = "/opt/milkbot/deployment/limits.json"
_STATE = "/var/lib/milkbot-backup"
_INSTALLED = "/var/lib/milkbot-health/installed"
_FULL = "dd if=/dev/zero of={0}/full bs=1M count=16 status=none || true"


# nginx counts what is newer than its last load as not loaded.
_CERTIFICATE_BACK = "cp -p /run/kept.pem /etc/ssl/certs/milkbot.test.pem; systemctl reload nginx"


@dataclass(frozen=True)
class Case:
    """`state` is what the row becomes after `wreck`, and `said` stands in its value.

    `checks` is by which check in a row it is told. What does not last is well again by itself: it is told of once.
    `quick` runs in every bin/test.
    """

    row: str
    wreck: str
    remedy: str
    state: str = "fail"
    said: str = ""
    checks: int = 1
    quick: bool = False
    name: str = ""
    lasts: bool = True

    def __str__(self) -> str:
        return self.name or self.row


def _psql(sql: str) -> str:
    return f'runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d milkbot -c "{sql}"'


def _setting(line: str) -> tuple[str, str]:
    """A line of the settings, and its end."""
    return f"cp -p {_ENV} {_ENV}.kept; echo '{line}' >>{_ENV}", f"mv {_ENV}.kept {_ENV}"


def _limit(row: str, name: str, value: int, **more: object) -> Case:
    wreck = f"cp -p {_LIMITS} {_LIMITS}.kept; jq '.{name} = {value}' {_LIMITS}.kept >{_LIMITS}"
    return Case(row, wreck, f"mv {_LIMITS}.kept {_LIMITS}", name=f"{row}, by its limit", **more)  # type: ignore[arg-type]


def _mounted(row: str, path: str, options: str, wreck: str, **more: object) -> Case:
    return Case(row, f"mount -t tmpfs -o {options} none {path} && {{ {wreck}; }}", f"umount -l {path}", **more)  # type: ignore[arg-type]


def _job(row: str, job: str, content: str, said: str, setting: str = "", name: str = "", state: str = "fail") -> Case:
    """What a job left; what was there before comes back."""
    file = f"{_STATE}/{job}.json"
    wreck = f"mkdir -p {_STATE}; if [ -e {file} ]; then mv {file} {file}.kept; fi; echo '{content}' >{file}"
    remedy = f"if [ -e {file}.kept ]; then mv {file}.kept {file}; else rm {file}; fi"
    if setting:
        before, after = _setting(setting)
        wreck, remedy = f"{before}; {wreck}", f"{after}; {remedy}"
    return Case(row, wreck, remedy, state, said=said, name=name)


def _on_an_old_host(case: Case) -> Case:
    """What was due before a host was checked is not asked for."""
    wreck = f"touch -d '40 days ago' {_INSTALLED}; {case.wreck}"
    return replace(case, wreck=wreck, remedy=f"touch {_INSTALLED}; {case.remedy}")


# A page that no buffer holds: read for the first time from a copy of its file. The numbers of a database go with it.
_DAMAGE = (
    'cd /; psql() { runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d $1 -c "$2"; }; '
    "psql postgres 'CREATE DATABASE test_damaged'; "
    "psql test_damaged 'CREATE TABLE pages AS SELECT generate_series(1, 1000) AS x'; psql postgres CHECKPOINT; "
    "file=$(psql test_damaged \"SELECT current_setting('data_directory') || '/' || pg_relation_filepath('pages')\"); "
    "printf damaged | dd of=$file bs=1 seek=5000 conv=notrunc status=none; "
    "psql postgres 'CREATE DATABASE test_copy TEMPLATE test_damaged STRATEGY file_copy'; "
    "psql test_copy 'SELECT count(*) FROM pages' || true"
)
_DAMAGE_GONE = "cd /; for name in test_copy test_damaged; do runuser -u postgres -- dropdb $name; done"
_BAD_RUN = '{"at":"2026-01-02T02:00:41Z","result":"failed","reason":"the disk is full","last_good_at":""}'
_GOOD_RUN = '{{"at":"{0}","result":"good","last_good_at":"{0}","last_good_file":"{1}"}}'
_OLD_RECORD = (
    '{"at":"2026-01-02T02:00:41Z","result":"failed","reason":"the exchange did not answer","last_good_at":"",'
    '"bytes":1500000000,"limit_bytes":5000000000,"first_day":"2026-01-01","removed":[]}'
)
_RECORD = "/var/lib/milkbot-record"
_OLD_RUN = _GOOD_RUN.format("2026-01-02T02:00:41Z", "/etc/hostname")
_GONE = _GOOD_RUN.format("2099-01-02T02:00:41Z", "/nowhere.sql.gz")
_ORDER = (
    "SET session_replication_role = replica; INSERT INTO ops.orders (trading_mode, client_order_id, ticker, "
    "event_ticker, city_code, climate_day, strategy_name, side, price, count, time_in_force, exchange_index, attempt, "
    "state, created_at, updated_at) VALUES ('shadow', 'health-test', 'T', 'E', 'NYC', '2026-01-01', 's', 'bid', 0.5, "
    "1, 'gtc', 0, 1, 'unknown', now() - interval '{0}', now() - interval '{0}')"
)
_NO_ORDER = _psql(
    "SET session_replication_role = replica; DELETE FROM ops.orders WHERE client_order_id = 'health-test'"
)
_FINDING = (
    "INSERT INTO ops.findings (trading_mode, kind, subject, effect, message, ours, theirs, opened_at, seen_at) "
    "VALUES ('demo', 'manual_order', 'health-test', '{0}', 'it differs', '{{}}', '{{}}', now(), now())"
)
_MISSED = "UPDATE ops.ticks SET counts = {0} WHERE trading_mode = 'demo' AND outcome = 'completed'"
_NO_FINDING = _psql("DELETE FROM ops.findings WHERE subject = 'health-test'")
_WEATHER = (
    "INSERT INTO ops.component_health (component_name, status, message, last_check, last_ok) "
    "VALUES ('nws_api', '{0}', '{1}', now(), now() - interval '2 hours') ON CONFLICT (component_name) DO UPDATE "
    "SET status = '{0}', message = '{1}', last_check = now(), last_ok = now() - interval '2 hours'"
)
_UNSCORED = (
    "INSERT INTO ops.market_results (trading_mode, ticker, event_ticker, climate_day, result, recorded_at) "
    "VALUES ('demo', 'HEALTH-20JAN01-T1', 'HEALTH-20JAN01', '2020-01-01', 'yes', now() - interval '3 days')"
)
_NO_UNSCORED = _psql("DELETE FROM ops.market_results WHERE event_ticker = 'HEALTH-20JAN01'")
_TICK = "systemctl start milkbot-trader.service"
_EDIT = "/etc/systemd/system/milkbot-trader.service.d"


def _older(table: str, column: str, where: str, by: str) -> str:
    return _psql(f"UPDATE {table} SET {column} = {column} - interval '{by}' WHERE {where}")


def _halted(job: str) -> str:
    """Its timer stopped, and its run, if there is one, ended: it writes nothing more."""
    state = f"systemctl show --property=ActiveState --value {job}.service"
    return (
        f"systemctl stop {job}.timer; timeout 600 sh -c 'while [ \"$({state})\" = activating ]; do sleep 0.2; done'; "
    )


def _journal(*fields: str) -> str:
    """An entry of the journal with those fields."""
    return f"printf '%s\\n' 'MESSAGE=a test' {' '.join(fields)} | logger --journald; sleep 1"


def _unit(name: str, *, quick: bool = False) -> Case:
    return Case(name, f"systemctl stop {name}", f"systemctl start {name}", said="inactive", quick=quick)


def _listening(name: str) -> Case:
    """Its socket would start it again."""
    units = f"milkbot-{name}.socket milkbot-{name}.service"
    return Case(f"milkbot-{name}.service", f"systemctl stop {units}", f"systemctl start {units}", said="inactive")


def _oneshot(unit: str, row: str = "", *, checks: int = 1, well: str = "systemctl reset-failed {0}") -> Case:
    """What a timer starts, with a program that fails."""
    wreck, remedy = failing(unit)
    return Case(
        row or unit,
        wreck,
        f"{remedy}; {well.format(unit)}",
        said="left with 1",
        checks=checks,
    )


_OTHER = "/opt/milkbot/releases/20200101T000000Z-000000000000"
_ANOTHER_RELEASE = (
    f"cp -al $(readlink -f /opt/milkbot/current) {_OTHER}; readlink /opt/milkbot/current >/run/was; "
    f"ln -sfnT releases/$(basename {_OTHER}) /opt/milkbot/current"
)
_RELEASE_AGAIN = f"ln -sfnT $(cat /run/was) /opt/milkbot/current; rm -rf {_OTHER} /run/was"
_DROP_IN = "/etc/systemd/system/milkbot-rollups.timer.d"
WAL_JOBS = ("full", "diff", "incr", "verify")
_POSTMASTER = "head -n 1 /var/lib/postgresql/*/main/postmaster.pid"

# What the check says of itself: that takes other tests than a case.
_PENDING = 'echo "Inst nginx [1.22.1-9] (1.22.1-9+deb12u9 Debian-Security:12/oldstable-security [amd64])"'
_NOWHERE = "http://127.0.0.1:1"

OF_ITSELF = {"alert run", "alert channels", "dead man's switch"}

CASES = [
    # units
    Case(
        f"{POSTGRES_UNIT}.service",
        "systemctl stop postgresql",
        f"systemctl start postgresql; sleep 2; {_TICK}",
        said="inactive",
    ),
    _unit("milkbot-analytics.socket"),
    _unit("milkbot-dashboard.socket"),
    _listening("analytics"),
    _listening("dashboard"),
    _unit("nginx.service", quick=True),
    _unit("cron.service"),
    Case(
        "milkbot-simulator.service", "systemctl stop milkbot-simulator", f"systemctl start milkbot-simulator; {_TICK}"
    ),
    _unit("milkbot-trader.timer"),
    _unit("milkbot-rollups.timer"),
    _unit("milkbot-restore-drill.timer"),
    *(_unit(f"milkbot-wal-{job}.timer") for job in WAL_JOBS),
    Case(
        "milkbot-rollups.timer",
        "systemctl disable milkbot-rollups.timer",
        "systemctl enable milkbot-rollups.timer",
        said="stays away after a reboot",
        name="milkbot-rollups.timer, disabled",
    ),
    Case(
        "milkbot-rollups.timer",
        f"mkdir {_DROP_IN}; printf '[Timer]\\nOnCalendar=\\nOnCalendar=2001-01-01\\n' >{_DROP_IN}/never.conf; "
        "systemctl daemon-reload; systemctl restart milkbot-rollups.timer",
        f"rm -r {_DROP_IN}; systemctl daemon-reload; systemctl restart milkbot-rollups.timer",
        said="never runs again",
        name="milkbot-rollups.timer, without a next run",
    ),
    Case(
        "nginx.service",
        "touch -d tomorrow /lib/systemd/system/nginx.service",
        "systemctl daemon-reload",
        state="warn",
        said="file has changed",
        name="nginx.service, its file newer",
    ),
    Case(
        "milkbot-trader.service",
        f"systemctl stop milkbot-simulator; {_TICK} || true",
        f"systemctl start milkbot-simulator; {_TICK}",
        said="the exchange did not answer",
        checks=2,
    ),
    _oneshot("milkbot-rollups.service", checks=2, well="systemctl start {0}"),
    _oneshot("milkbot-restore-drill.service", "milkbot-restore-drill"),
    *(_oneshot(f"milkbot-wal@{job}.service") for job in WAL_JOBS),
    Case(
        "restarts",
        "kill -9 $(systemctl show -P MainPID milkbot-analytics); sleep 8",
        "true",
        state="warn",
        said="milkbot-analytics.service 1 times",
        lasts=False,
    ),
    Case(
        "other units",
        "systemd-run --quiet --unit=milkbot-test-fails false; sleep 1",
        "systemctl reset-failed milkbot-test-fails",
        said="milkbot-test-fails",
    ),
    # endpoints
    Case(
        "analytics API",
        "kill -STOP $(systemctl show -P MainPID milkbot-analytics)",
        "kill -CONT $(systemctl show -P MainPID milkbot-analytics)",
        said="timed out",
    ),
    Case(
        "analytics API",
        _ANOTHER_RELEASE,
        _RELEASE_AGAIN,
        said="another release answers",
        name="analytics API, of another release",
    ),
    Case(
        "dashboard",
        "kill -STOP $(systemctl show -P MainPID milkbot-dashboard)",
        "kill -CONT $(systemctl show -P MainPID milkbot-dashboard)",
        said="timed out",
    ),
    Case("page through nginx", "systemctl stop nginx", "systemctl start nginx", said="refused"),
    Case(
        "page through nginx",
        "cp -p /etc/ssl/certs/milkbot.test.pem /run/kept.pem; cp {new} /etc/ssl/certs/milkbot.test.pem",
        _CERTIFICATE_BACK,
        state="warn",
        said="another certificate",
        name="page through nginx, after a renewal",
    ),
    *(
        Case(
            "certificate",
            "cp -p /etc/ssl/certs/milkbot.test.pem /run/kept.pem; "
            "cp -p /etc/ssl/private/milkbot.test.key /run/kept.key; "
            f"cp {{{pem}}} /etc/ssl/certs/milkbot.test.pem; cp {{{pem}}}.key /etc/ssl/private/milkbot.test.key",
            f"mv /run/kept.key /etc/ssl/private/milkbot.test.key; {_CERTIFICATE_BACK}",
            state=state,
            said=said,
            quick=pem == "expired",
            name=f"certificate, {pem}",
        )
        for pem, state, said in (("expired", "fail", "expired on"), ("ending", "warn", "19 days left"))
    ),
    # As after a choice of source whose timer did not come.
    Case(
        "certificate renewal",
        """echo '{"source": "self-signed"}' >/etc/milkbot/certificate.json""",
        "rm /etc/milkbot/certificate.json",
        said="milkbot-certificate.timer is inactive",
    ),
    # database
    Case(
        "database",
        "systemctl stop postgresql",
        f"systemctl start postgresql; sleep 2; {_TICK}",
        said="answers no query",
    ),
    Case(
        "database",
        f"kill -STOP $({_POSTMASTER})",
        f"kill -CONT $({_POSTMASTER}); {_TICK}",
        said="answers no query",
        name="database, hung",
    ),
    Case(
        "database writable",
        _psql("ALTER SYSTEM SET default_transaction_read_only = on") + "; " + _psql("SELECT pg_reload_conf()"),
        _psql("ALTER SYSTEM RESET default_transaction_read_only")
        + "; "
        + _psql("SELECT pg_reload_conf()")
        + f"; sleep 1; {_TICK}",
        said="read-only",
    ),
    Case("data checksums", _DAMAGE, _DAMAGE_GONE, said="not what was written"),
    Case(
        "connections",
        # Of the 97 that are not kept for the superuser as many as fail it, and some room for the services.
        crowd(93)[0],
        f"{crowd(93)[1]}; {_TICK}",
        said="of 97 used",
        checks=2,
    ),
    Case(
        "schema",
        _psql("UPDATE ops.alembic_version SET version_num = '0001'"),
        _psql("UPDATE ops.alembic_version SET version_num = (SELECT '{schema}')"),
        said="revision 0001",
    ),
    Case(
        "WAL archive",
        _setting("PGBACKREST=yes")[0]
        + "; "
        + _psql("ALTER SYSTEM SET archive_mode = on")
        + "; "
        + _psql("ALTER SYSTEM SET archive_command = 'false'")
        + "; systemctl restart postgresql; sleep 2; "
        + _psql("SELECT pg_switch_wal()")
        + "; sleep 3",
        _setting("")[1]
        + "; "
        + _psql("ALTER SYSTEM RESET archive_mode")
        + "; "
        + _psql("ALTER SYSTEM RESET archive_command")
        + f"; systemctl restart postgresql; sleep 2; {_TICK}",
        said="fails",
    ),
    # books
    Case(
        "trading state",
        "milkbot halt --reason 'a test'",
        "milkbot resume --reason 'a test'",
        state="warn",
        said="HALTED",
    ),
    Case("live arming", *_setting("TRADING_MODE=live"), said="not armed"),
    Case("UNKNOWN orders", _psql(_ORDER.format("1 hour")), _NO_ORDER, said="1, the oldest for 60 min", quick=True),
    Case(
        "UNKNOWN orders",
        _psql(_ORDER.format("1 minute")),
        _NO_ORDER,
        state="warn",
        said="1, the oldest",
        name="UNKNOWN orders, a young one",
    ),
    Case("findings", _psql(_FINDING.format("halted")), _NO_FINDING, said="1, the oldest for", quick=True),
    Case(
        "findings",
        _psql(_FINDING.format("reducing")),
        _NO_FINDING,
        state="warn",
        said="it differs",
        name="findings, one that lets positions be reduced",
    ),
    Case(
        "weather data",
        _halted("milkbot-trader") + _psql(_WEATHER.format("degraded", "NYC 01 Jan: observation_missing")),
        f"systemctl start milkbot-trader.timer; {_TICK}",
        said="not complete for 2 h: NYC 01 Jan: observation_missing",
    ),
    Case(
        "last tick",
        _halted("milkbot-trader") + _older("ops.ticks", "started_at", "trading_mode = 'demo'", "1 hour"),
        _older("ops.ticks", "started_at", "trading_mode = 'demo'", "-1 hour")
        + f"; systemctl start milkbot-trader.timer; {_TICK}",
        said="min ago: completed",
        checks=2,
    ),
    Case(
        "forecast skill",
        _halted("milkbot-rollups") + _psql(_UNSCORED),
        f"systemctl start milkbot-rollups.service milkbot-rollups.timer; {_NO_UNSCORED}",
        state="warn",
        said="is not scored",
    ),
    Case(
        "markets seen",
        _halted("milkbot-trader")
        + _psql(_MISSED.format("counts || jsonb_build_object('missing KXHIGHNY', 6)"))
        + "; "
        + _older("ops.ticks", "started_at", "trading_mode = 'demo'", "1 hour"),
        _older("ops.ticks", "started_at", "trading_mode = 'demo'", "-1 hour")
        + "; "
        + _psql(_MISSED.format("counts - 'missing KXHIGHNY'"))
        + f"; systemctl start milkbot-trader.timer; {_TICK}",
        said="6 of KXHIGHNY",
        checks=2,
    ),
    Case(
        "last tick",
        f"systemctl stop milkbot-simulator; {_TICK} || true",
        f"systemctl start milkbot-simulator; {_TICK}",
        said="failed",
        checks=2,
        name="last tick, failed",
    ),
    Case(
        "last rollup",
        _halted("milkbot-rollups")
        + _older("analytics.health_metrics", "recorded_at", "component_name = 'rollups'", "1 day"),
        _older("analytics.health_metrics", "recorded_at", "component_name = 'rollups'", "-1 day")
        + "; systemctl start milkbot-rollups.timer milkbot-rollups.service",
        said="h ago",
    ),
    # what runs
    Case(
        "configuration of nginx",
        "echo nonsense >/etc/nginx/conf.d/by-hand.conf",
        "rm /etc/nginx/conf.d/by-hand.conf; systemctl reload nginx",
        said="the next start of nginx fails",
    ),
    Case(
        "configuration of nginx",
        "touch /etc/nginx/sites-available/milkbot.conf",
        "systemctl reload nginx",
        state="warn",
        said="not loaded yet: /etc/nginx/sites-",
        name="configuration of nginx, not loaded",
        quick=True,
    ),
    Case(
        "settings of PostgreSQL",
        _psql("ALTER SYSTEM SET listen_addresses = '*'") + f"; systemctl restart {POSTGRES_UNIT}",
        _psql("ALTER SYSTEM RESET listen_addresses") + f"; systemctl restart {POSTGRES_UNIT}",
        said="overridden: listen_addresses = * by /var/lib/postgresql",
    ),
    Case(
        "settings of PostgreSQL",
        _psql("ALTER SYSTEM SET max_locks_per_transaction = 65")
        + "; "
        + _psql("SELECT pg_reload_conf()")
        + "; sleep 1",
        _psql("ALTER SYSTEM RESET max_locks_per_transaction") + "; " + _psql("SELECT pg_reload_conf()") + "; sleep 1",
        state="warn",
        said="wait for a restart: max_locks_per_transaction",
        name="settings of PostgreSQL, waiting",
    ),
    Case(
        "configuration of sshd",
        "touch /etc/ssh/sshd_config",
        "systemctl reload ssh",
        state="warn",
        said="not loaded yet: /etc/ssh/sshd_config",
    ),
    Case(
        "files of the units",
        f"mkdir -p {_EDIT} && printf '[Service]\\nNice=5\\n' >{_EDIT}/override.conf; systemctl daemon-reload",
        "systemctl revert milkbot-trader.service",
        state="warn",
        said="overridden: milkbot-trader.service by",
    ),
    # releases
    Case(
        "live release",
        "readlink /opt/milkbot/current >/run/was; ln -sfnT releases/nothing /opt/milkbot/current",
        f"ln -sfnT $(cat /run/was) /opt/milkbot/current; {_TICK}",
        said="is not whole",
    ),
    Case("running code", _ANOTHER_RELEASE, _RELEASE_AGAIN, said="milkbot-analytics.service runs"),
    Case(
        "deploy lock",
        *held("2026-01-02T03:04:05+00:00"),
        said="of ann on desk",
    ),
    # journals
    Case(
        "log of milkbot-trader",
        f"systemctl stop milkbot-simulator; {_TICK} || true",
        f"systemctl start milkbot-simulator; {_TICK}",
        state="warn",
        said="errors since the last check",
        lasts=False,
    ),
    *(
        Case(
            f"log of milkbot-{name}",
            _journal(f"OBJECT_SYSTEMD_UNIT=milkbot-{name}.service", "PRIORITY=3"),
            "true",
            state="warn",
            said="1 errors since the last check",
            lasts=False,
        )
        for name in ("analytics", "dashboard", "rollups")
    ),
    # backups
    *(_job(f"{kind} backup", kind, _BAD_RUN, "failed: the disk is full") for kind in ("daily", "weekly", "monthly")),
    _on_an_old_host(_job("daily backup", "daily", _OLD_RUN, "did not come", name="daily backup, not made")),
    _job("daily backup", "daily", _GONE, "/nowhere.sql.gz is gone", name="daily backup, removed"),
    _job("pre-deploy backup", "pre-deploy", _BAD_RUN, "failed: the disk is full", state="warn"),
    _job("restore drill", "drill", _BAD_RUN, "failed: the disk is full", "DRILL=yes"),
    _job("restore drill", "drill", _OLD_RUN, "proved", "DRILL=yes", name="restore drill, long ago"),
    _job("off-site copy", "offsite", _BAD_RUN, "failed: the disk is full", "BACKUP_OFFSITE=yes"),
    _job("WAL backup", "pgbackrest", _BAD_RUN, "failed: the disk is full", "PGBACKREST=yes"),
    Case(
        "recording",
        f"touch -d '1 hour ago' {_INSTALLED}; {_setting('RECORD=yes')[0]}; mkdir -p {_RECORD}; "
        f"echo '{_OLD_RECORD}' >{_RECORD}/state.json",
        f"rm -r {_RECORD}; {_setting('')[1]}; touch {_INSTALLED}",
        said="the exchange did not answer; 1.50 of 5 GB since 2026-01-01",
    ),
    # the world
    *(
        Case(row, *_setting(f"{name}={_NOWHERE}"), state="warn", said="127.0.0.1 is not reached", checks=2)
        for row, name in (("exchange", "EXCHANGE_URL"), ("weather service", "WEATHER_URL"))
    ),
    # disks
    _mounted(
        "disk of /var/backups/milkbot",
        "/var/backups/milkbot",
        "size=8m",
        _FULL.format("/var/backups/milkbot"),
        said="100 % full",
        quick=True,
    ),
    _mounted(
        "inodes /var/backups/milkbot",
        "/var/backups/milkbot",
        "size=4g,nr_inodes=9",
        "touch /var/backups/milkbot/{1..9} 2>/dev/null || true",
        said="100 % used",
    ),
    _mounted("disk of /var/log", "/var/log", "size=8m", _FULL.format("/var/log"), said="100 % full"),
    _mounted(
        "inodes /var/log",
        "/var/log",
        "size=4g,nr_inodes=9",
        "touch /var/log/{1..9} 2>/dev/null || true",
        said="100 % used",
    ),
    _mounted(
        "disk of /var/lib/postgresql",
        "/var/lib/postgresql",
        "size=8m",
        _FULL.format("/var/lib/postgresql"),
        said="100 % full",
    ),
    _mounted(
        "inodes /var/lib/postgresql",
        "/var/lib/postgresql",
        "size=4g,nr_inodes=9",
        "touch /var/lib/postgresql/{1..9} 2>/dev/null || true",
        said="100 % used",
    ),
    # These are of the machine's own host, and so is its memory: the limit comes to them.
    _limit("disk of /", "disk_fail_percent", 1, said="% full"),
    _limit("inodes /", "inode_fail_percent", 0, said="% used"),
    Case(
        "reserve file",
        "mv /var/backups/milkbot/.reserve /var/backups/milkbot/.r",
        "mv /var/backups/milkbot/.r /var/backups/milkbot/.reserve",
        state="warn",
        said="is missing",
    ),
    # machine
    _limit("memory", "memory_fail_percent", 101, checks=2, said="% available"),
    Case(
        "OOM kills",
        _journal("MESSAGE_ID=fe6faa94e7774663a0da52717891d8ef"),
        "true",
        said="1 processes",
        lasts=False,
    ),
    Case(
        "clock",
        "mv /run/systemd/container /run/systemd/container.kept",
        "mv /run/systemd/container.kept /run/systemd/container",
        said="nothing keeps it",
        checks=2,
    ),
    Case("firewall", "ufw disable >/dev/null", "ufw --force enable >/dev/null", said="lets everything in"),
    Case(
        "unattended upgrades",
        "systemctl disable --now apt-daily-upgrade.timer",
        "systemctl enable --now apt-daily-upgrade.timer",
        said="apt-daily-upgrade.timer is inactive and disabled",
        quick=True,
    ),
    Case(
        "security updates",
        f"printf '%s\\n' '#!/bin/sh' '{_PENDING}' >/usr/local/sbin/apt-get; chmod 755 /usr/local/sbin/apt-get; "
        "touch /var/lib/dpkg/status",
        "rm /usr/local/sbin/apt-get; touch /var/lib/dpkg/status",
        state="warn",
        said="upgrade.yml alone installs nginx",
    ),
    Case(
        "firewall",
        "iptables -D ufw-user-input -p tcp --dport 443 -j ACCEPT",
        "ufw reload >/dev/null",
        said="iptables lacks",
        name="firewall, in the kernel",
    ),
    Case("reboot", "touch /run/reboot-required", "rm /run/reboot-required", state="warn", said="due"),
]
