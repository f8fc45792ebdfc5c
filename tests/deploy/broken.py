"""Ways to break a host for real, and to repair it again: a table for the tests of what finds them."""

from __future__ import annotations

from dataclasses import dataclass

_ENV = "/opt/milkbot/.env"
_PG = "systemctl {} postgresql@$(ls /etc/postgresql)-main"
_HBA = "$(ls -d /etc/postgresql/*/main)/pg_hba.conf"
_SQL = 'cd / && runuser -u postgres -- psql -Xq milkbot -c "{}"'
_PSQL = "cd / && runuser -u postgres -- psql -Xq postgres -c '{}' -c '{}' -c '{}'"
_NGINX = "/etc/nginx/sites-available/milkbot.conf"
_UNIT = "/etc/systemd/system/milkbot-analytics.service"
_RELOAD = "systemctl reload nginx; sleep 1"
_LOOP = "/milkbot/trader/trading_loop.py"
_SITE = "$(echo /opt/milkbot/current/venv/lib/python3*/site-packages)"
_DATA = "/var/lib/postgresql"
_ARCHIVE = "/var/backups/milkbot-wal/archive/milkbot"
_FAILING = (
    "runuser -u postgres -- psql -XAt -d postgres -c "
    '"SELECT last_failed_time > last_archived_time FROM pg_stat_archiver"'
)
_CERTIFICATE = "/etc/ssl/certs/milkbot.test.pem"
_KEY = "/etc/ssl/private/milkbot.test.key"
_APART = "systemd-run --quiet --collect --unit={}"

# A server whose clock is five minutes ahead; it knows no path, and needs to know none.
_AHEAD = """
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() - 300)
    def do_GET(self):
        self.send_response(404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8900), Handler).serve_forever()
"""


# Holds sessions of PostgreSQL open, which it says nothing more in.
_CROWD = """
import socket, struct, time
start = struct.pack("!i", 196608) + b"user\\0postgres\\0database\\0milkbot\\0\\0"
held = [socket.socket(socket.AF_UNIX) for _ in range({})]
for each in held:
    each.connect("/run/postgresql/.s.PGSQL.5432")
    each.sendall(struct.pack("!i", len(start) + 4) + start)
time.sleep(600)
"""


def crowd(sessions: int) -> tuple[str, str]:
    """Commands that open so many sessions of the superuser, and that end them."""
    command = f"{_APART.format('test-crowd')} --uid=postgres python3 -c '{_CROWD.format(sessions)}'"
    return f"{command}; sleep 3", "systemctl stop test-crowd; sleep 1"


def failing(unit: str) -> tuple[str, str]:
    """Commands that have a oneshot's next run fail, and that undo it."""
    drop_in = f"/run/systemd/system/{unit}.d"
    program = r"[Service]\nExecStart=\nExecStart=/bin/false\n"
    write = f"mkdir -p {drop_in}; printf '{program}' >{drop_in}/test.conf; systemctl daemon-reload"
    return f"{write}; systemctl start {unit} || true", f"rm -rf {drop_in}; systemctl daemon-reload"


def held(since: str) -> tuple[str, str]:
    """Commands that put somebody else's lock of the deploys there, and that remove it."""
    owner = '{"run":"elsewhere:x:1:1:1","purpose":"a test","user":"ann","host":"desk","pid":1'
    taken = f"$(date --utc --date='{since}' +%FT%T+00:00)"
    lock = "/run/lock/milkbot-deploy.json"
    return f"""echo '{owner},"since":"'"{taken}"'"}}' >{lock}""", f"rm -f {lock}"


def saved(path: str, change: str) -> tuple[str, str]:
    """Commands that keep a file and change it, and that bring it back."""
    return (
        f"cp -a {path} /root/test-saved && {change}",
        f"if [ -e /root/test-saved ]; then cp -a /root/test-saved {path}; rm /root/test-saved; fi",
    )


def setting(name: str, value: str) -> tuple[str, str]:
    """The same for one line of .env."""
    return saved(_ENV, f"sed -i 's|^{name}=.*|{name}={value}|' {_ENV}")


def stopped(unit: str) -> tuple[str, str]:
    return f"systemctl stop {unit}", f"systemctl start {unit}"


def written(path: str, text: str) -> tuple[str, str]:
    """Commands that make a file, and that remove it."""
    return f"printf '%s\\n' '{text}' >{path}", f"rm -f {path}"


@dataclass(frozen=True)
class Case:
    """`first` is what has to be named first; `by_page` says that what the page says to type fixes it."""

    first: str
    break_it: str
    repair: str
    word: str = ""
    by_page: bool = False
    often: bool = False


def _case(first: str, both: tuple[str, str], word: str = "", *, by_page: bool = False, often: bool = False) -> Case:
    return Case(first, *both, word, by_page, often)


def _small_disk(mount: str, fill: str) -> tuple[str, str]:
    """A small disk on a directory, filled; the directory is as before when it goes."""
    return f"mount -t tmpfs {mount} && {fill}", f"umount -l {mount.rsplit(maxsplit=1)[-1]}"


# Room is left for less than one more file of its log: then it ends by itself, and cannot start again. Before that it
# uses up those that it made beforehand: how many depends on what it wrote before. Without the small disk nothing is
# filled: that would be the disk of whoever runs the test. What the copy writes does not go into the archive: the server
# of before writes files of the same names afterwards, and the archive takes no other ones in their place.
_FULL_DATA = (
    f"size=$(($(du -sm {_DATA} | cut -f 1) + 64)); {_PG.format('stop')}; "
    f"mount -t tmpfs -o size=${{size}}m,mode=0755 none /mnt; cp -a {_DATA}/. /mnt/; "
    "echo \"archive_command = 'true'\" | tee -a /mnt/*/main/postgresql.auto.conf >/dev/null; "
    f"mount --bind /mnt {_DATA}; umount /mnt; "
    f"{_PG.format('start')}; mountpoint -q {_DATA}; "
    f"fallocate -l $(($(df --output=avail -m {_DATA} | tail -n 1) - 6))M {_DATA}/filler; "
    f"cd /; for n in $(seq $(($(ls {_DATA}/*/main/pg_wal | wc -l) + 2))); do "
    "runuser -u postgres -- psql -Xq -c 'SELECT txid_current()' -c 'SELECT pg_switch_wal()' >/dev/null 2>&1 || true; "
    "done; "
    f"dd if=/dev/zero of={_DATA}/filler2 bs=4k count=16k 2>/dev/null || true; {_PG.format('restart')} || true"
)

CASES = [
    # Appendix A: a service does not start.
    _case(
        "import-error",
        saved(
            f"{_SITE}{_LOOP}",
            f"cp {_SITE}{_LOOP} /run/test-new && echo 'raise NameError(\"broken\")' >>/run/test-new && "
            f"mv /run/test-new {_SITE}{_LOOP} && {{ systemctl start milkbot-trader || true; }}",
        ),
        "NameError: broken",
    ),
    _case("env-broken", setting("LOG_LEVEL", "LOUD"), "LOG_LEVEL is", often=True),
    _case("env-broken", saved(_ENV, f"echo 'no setting at all' >>{_ENV}"), "line"),
    _case(
        "env-missing",
        (
            f"mv {_ENV} /opt/milkbot/.env-away; systemctl start milkbot-trader || true",
            f"mv /opt/milkbot/.env-away {_ENV}",
        ),
        "No such file",
    ),
    _case(
        "env-missing",
        (
            "mv /etc/milkbot/analytics.env /root/; systemctl restart milkbot-analytics || true",
            (
                "mv /root/analytics.env /etc/milkbot/; systemctl reset-failed milkbot-analytics; "
                "systemctl start milkbot-analytics"
            ),
        ),
        "analytics.env",
    ),
    _case("env-unreadable", (f"chown root {_ENV}", f"chown milkbot {_ENV}"), "owner root", by_page=True),
    # No connection to the database.
    _case("postgresql-stopped", (_PG.format("stop"), _PG.format("start")), "inactive", by_page=True, often=True),
    _case(
        "postgresql-stopped",
        (
            f"cp -a {_HBA} /root/test-saved && echo 'hots all all' >>{_HBA}; {_PG.format('restart')} || true",
            f"cp -a /root/test-saved {_HBA}; rm /root/test-saved; {_PG.format('restart')}",
        ),
        "pg_hba.conf",
    ),
    _case(
        "access-refused",
        (
            f"cp -a {_HBA} /root/test-saved && sed -i '/peer map=milkbot/d' {_HBA}; {_PG.format('reload')}",
            f"cp -a /root/test-saved {_HBA}; rm /root/test-saved; {_PG.format('reload')}",
        ),
        "no pg_hba.conf entry",
    ),
    _case(
        "access-rules-broken",
        (
            f"cp -a {_HBA} /root/test-saved && echo 'hots all all' >>{_HBA}; {_PG.format('reload')}",
            f"cp -a /root/test-saved {_HBA}; rm /root/test-saved; {_PG.format('reload')}",
        ),
        "invalid connection type",
    ),
    _case(
        "password-wrong",
        setting("POSTGRES_PASSWORD", "not-the-password"),
        "password authentication failed",
    ),
    _case(
        "role-missing",
        (
            _SQL.format("ALTER ROLE milkbot_api RENAME TO milkbot_away"),
            _SQL.format("ALTER ROLE milkbot_away RENAME TO milkbot_api"),
        ),
        "milkbot_api",
    ),
    _case(
        "database-closed",
        (
            "cd / && runuser -u postgres -- psql -Xq -c 'ALTER DATABASE milkbot ALLOW_CONNECTIONS false'",
            "cd / && runuser -u postgres -- psql -Xq -c 'ALTER DATABASE milkbot ALLOW_CONNECTIONS true'",
        ),
        "datallowconn=False",
    ),
    # nginx answers 502.
    _case(
        "milkbot-analytics-down",
        stopped("milkbot-analytics.socket milkbot-analytics.service"),
        "milkbot-analytics.service is inactive",
        by_page=True,
        often=True,
    ),
    _case("milkbot-dashboard-down", stopped("milkbot-dashboard.socket milkbot-dashboard.service"), by_page=True),
    _case("nginx-config", written("/etc/nginx/conf.d/test.conf", "nonsense on;"), "unknown directive"),
    # The next most common ones.
    _case(
        "disk-full",
        _small_disk(
            "-o size=20m none /var/backups/milkbot",
            "! dd if=/dev/zero of=/var/backups/milkbot/x bs=1M count=64 2>/dev/null",
        ),
        "/var/backups/milkbot: 100 %",
    ),
    _case(
        "disk-full",
        (_FULL_DATA, f"{_PG.format('stop')}; umount -l {_DATA}; {_PG.format('reset-failed')}; {_PG.format('start')}"),
        "No space left on device",
    ),
    _case(
        "inodes-full",
        _small_disk(
            "-o nr_inodes=40,size=4g none /var/backups/milkbot",
            "! (for n in $(seq 60); do touch /var/backups/milkbot/$n || exit; done) 2>/dev/null",
        ),
        "inodes used",
    ),
    _case(
        "clock-off",
        (
            (
                f"systemctl stop milkbot-simulator; printf %s '{_AHEAD}' >/run/test-server.py; "
                f"{_APART.format('test-server')} python3 -B /run/test-server.py; sleep 1"
            ),
            "systemctl stop test-server; rm /run/test-server.py; systemctl start milkbot-simulator",
        ),
        "seconds ahead",
    ),
    _case("timer-stopped", stopped("milkbot-trader.timer"), "milkbot-trader.timer is inactive", by_page=True),
    _case(
        "trading-halted",
        ("milkbot halt --reason 'the test halts it'", "milkbot resume --reason 'the test is over'"),
        "the test halts it",
    ),
    _case("exchange-refuses", setting("KALSHI_API_KEY_ID", "11111111-2222-3333-4444-555555555555"), "HTTP 401"),
    _case(
        "exchange-key-file",
        ("chmod 0000 /opt/milkbot/kalshi_private_key.pem", "chmod 0400 /opt/milkbot/kalshi_private_key.pem"),
        "cannot be read",
    ),
    _case("mode-and-exchange", setting("TRADING_MODE", "live"), "does not fit"),
    _case(
        "schema-mismatch",
        (
            "{} && {}".format(
                _SQL.format("CREATE TABLE ops.test_saved AS SELECT version_num FROM ops.alembic_version"),
                _SQL.format("UPDATE ops.alembic_version SET version_num = '0001'"),
            ),
            "{} && {}".format(
                _SQL.format("UPDATE ops.alembic_version SET version_num = (SELECT version_num FROM ops.test_saved)"),
                _SQL.format("DROP TABLE ops.test_saved"),
            ),
        ),
        "revision 0001, the live release needs",
    ),
    _case(
        "port-taken",
        (
            (
                "systemctl stop milkbot-analytics.socket milkbot-analytics.service; "
                f"{_APART.format('test-server')} python3 -B -m http.server -b 127.0.0.1 -d /run/lock 8000; "
                "sleep 2; "
                "systemctl start milkbot-analytics.socket || true"
            ),
            (
                "systemctl stop test-server; systemctl reset-failed 'milkbot-analytics*'; "
                "systemctl start milkbot-analytics.socket milkbot-analytics.service"
            ),
        ),
        "python3",
        by_page=True,
    ),
    _case(
        "deploy-lock-dead",
        (
            "sh -c '/opt/milkbot/deployment/scripts/deploy-lock.py take --pid $$ --purpose test'",
            "rm -f /run/lock/milkbot-deploy.json",
        ),
        "which is gone",
    ),
    _case(
        "blocked",
        (
            (
                f"{_APART.format('test-holder')} --uid=postgres sh -c "
                "'(echo \"BEGIN; LOCK TABLE ops.signals;\"; sleep 300) | psql -X milkbot'; sleep 1; "
                f"{_APART.format('test-waiter')} --uid=postgres --setenv=PGAPPNAME='milkbot migrate' "
                "psql -X milkbot -c 'BEGIN; LOCK TABLE ops.signals; ROLLBACK'; sleep 8"
            ),
            "systemctl stop test-holder test-waiter || true",
        ),
        "idle in transaction",
        by_page=True,
    ),
    _case("firewall-off", ("ufw --force disable", "ufw --force enable"), "inactive"),
    _case("firewall-closed", ("ufw --force delete allow 443/tcp", "ufw allow 443/tcp comment web"), "80"),
    _case(
        "current-dangling",
        (
            "readlink /opt/milkbot/current >/root/test-current; ln -sfnT releases/gone /opt/milkbot/current",
            "ln -sfnT $(cat /root/test-current) /opt/milkbot/current",
        ),
        "releases/gone",
        by_page=True,
    ),
    _case(
        "environment-broken",
        (f"mv {_SITE}/structlog /opt/milkbot/away", f"mv /opt/milkbot/away {_SITE}/structlog"),
        "structlog",
    ),
    _case(
        "environment-broken",
        (
            "mv /opt/milkbot/current/venv/bin/python /opt/milkbot/away",
            "mv /opt/milkbot/away /opt/milkbot/current/venv/bin/python",
        ),
        "its python is missing",
    ),
    _case("names-fail", setting("KALSHI_API_BASE", "https://demo-api.kalshi.co/trade-api/v2"), "demo-api.kalshi.co"),
    _case(
        "backups-fail",
        (
            (
                "mv /var/backups/milkbot/daily /root/; /opt/milkbot/deployment/scripts/backup-database.sh daily "
                ">>/var/log/milkbot/backup.log 2>&1 || true"
            ),
            (
                "mv /root/daily /var/backups/milkbot/; /opt/milkbot/deployment/scripts/backup-database.sh daily "
                ">>/var/log/milkbot/backup.log 2>&1"
            ),
        ),
        "daily is missing",
    ),
    _case(
        "archiving-fails",
        (
            (
                f"chmod 0000 {_ARCHIVE}; {_SQL.format('SELECT txid_current(), pg_switch_wal()')} >/dev/null; "
                f"timeout 600 sh -c 'until {_FAILING} | grep -q t; do sleep 0.5; done'"
            ),
            f"chmod 0750 {_ARCHIVE}; timeout 600 sh -c 'while {_FAILING} | grep -q t; do sleep 0.5; done'",
        ),
        "Permission denied",
    ),
    _case("cron-broken", stopped("cron"), "cron.service is inactive", by_page=True),
    _case("nginx-stopped", stopped("nginx"), "nginx.service is inactive", by_page=True),
    _case("simulator-down", stopped("milkbot-simulator"), "milkbot-simulator.service is inactive", by_page=True),
    _case(
        "milkbot-analytics-down",
        (
            # What `systemctl mask --force` does.
            (
                f"systemctl stop milkbot-analytics.service; mv {_UNIT} /root/test-unit; ln -s /dev/null {_UNIT}; "
                "systemctl daemon-reload"
            ),
            f"mv /root/test-unit {_UNIT}; systemctl daemon-reload; systemctl start milkbot-analytics.service",
        ),
        "masked",
    ),
    # Less common, and told all the same.
    _case("env-open", (f"chmod 0644 {_ENV}", f"chmod 0600 {_ENV}"), "0644", by_page=True),
    _case(
        "database-missing",
        (
            _PSQL.format(
                "ALTER DATABASE milkbot ALLOW_CONNECTIONS false",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $$milkbot$$",
                "ALTER DATABASE milkbot RENAME TO milkbot_away",
            ),
            _PSQL.format(
                "ALTER DATABASE milkbot_away RENAME TO milkbot", "ALTER DATABASE milkbot ALLOW_CONNECTIONS true", ""
            ),
        ),
        "milkbot_away is there",
    ),
    _case(
        "rights-missing",
        (
            _SQL.format("REVOKE CONNECT ON DATABASE milkbot FROM milkbot_api"),
            _SQL.format("GRANT CONNECT ON DATABASE milkbot TO milkbot_api"),
        ),
        "does not have CONNECT privilege",
    ),
    _case("postgresql-full", crowd(110), "too many clients"),
    _case(
        "api-answers-badly",
        (
            "systemctl kill --signal=SIGSTOP --kill-who=main milkbot-analytics",
            "systemctl kill --signal=SIGCONT --kill-who=main milkbot-analytics",
        ),
        "timed out",
    ),
    _case(
        "nginx-answers-badly",
        (
            f"cp -a {_NGINX} /root/test-saved && sed -i 's/127.0.0.1:8000/127.0.0.1:8001/' {_NGINX}; {_RELOAD}",
            f"cp -a /root/test-saved {_NGINX}; rm /root/test-saved; {_RELOAD}",
        ),
        "502",
    ),
    _case(
        "site-missing",
        (
            f"mv /etc/nginx/sites-enabled/milkbot.conf /root/test-site; {_RELOAD}",
            f"mv /root/test-site /etc/nginx/sites-enabled/milkbot.conf; {_RELOAD}",
        ),
        "no milkbot.conf",
    ),
    _case("certificate-missing", (f"mv {_KEY} /root/test-key", f"mv /root/test-key {_KEY}"), "No such file"),
    _case("not-enabled", ("systemctl --quiet disable nginx", "systemctl --quiet enable nginx"), by_page=True),
    _case("tick-fails", failing("milkbot-trader.service"), "exit 1"),
    _case("rollups-fail", failing("milkbot-rollups.service"), "exit 1"),
    _case(
        "exchange-silent",
        (
            "systemctl kill --signal=SIGSTOP milkbot-simulator",
            "systemctl kill --signal=SIGCONT milkbot-simulator",
        ),
        "no answer",
    ),
    _case(
        "no-route",
        (
            "ip route show default >/root/test-route; ip route del default",
            "ip route replace $(cat /root/test-route); rm /root/test-route",
        ),
        "no default route",
    ),
    _case(
        "disk-read-only",
        ("mount --bind /opt /opt && mount -o remount,bind,ro /opt", "umount -l /opt"),
        "/opt may not be written",
    ),
    _case("deploy-lock-old", held("2026-01-02T03:04:05+00:00"), "of ann on desk"),
    _case("deploy-running", held("now"), "of ann on desk"),
]

PAIR_FILES = (_CERTIFICATE, _KEY)
