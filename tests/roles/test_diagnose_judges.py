"""Each judge, on what a broken host says: the trouble is named first, with evidence and remedy."""

from __future__ import annotations

import pytest
from tests.roles.diagnosis import (
    BLOCKED,
    DATES,
    DOWN,
    FAILED,
    REFUSED,
    STOPPED,
    certificate_row,
    df,
    health_row,
    judged,
    properties,
    rows,
)

OLDER, NEWER = (f"revision {found}, the live release needs 0008" for found in ("0007", "0009"))

HELD = "held for 3 min by update of ann on desk (process 7)"

# The first diagnosis, what is said otherwise than when all is well, exit codes, a word of the evidence, of the remedy.
CASES: list[tuple[str, dict[str, str], dict[str, int], str, str]] = [
    ("disk-full", {"disk/space": df(100)}, {}, "100 %", "du -xh"),
    ("disk-full", {"disk/space": df(92)}, {}, "92 %", "du -xh"),
    ("disk-full", {"disk/space": df(50, "/var/log", total=800_000)}, {}, "391 MB free", "du -xh"),
    ("inodes-full", {"disk/inodes": df(99)}, {}, "99 %", "--inodes"),
    (
        "disk-errors",
        {"journal/kernel-trouble": "kernel: blk_update_request: I/O error, dev vda\n"},
        {},
        "I/O error",
        "journalctl -k",
    ),
    ("disk-read-only", {"disk/mounts": "/dev/vda1 / ext4 ro,relatime 0 0\n"}, {}, "ext4 ro", "remount,rw"),
    (
        "out-of-memory",
        {"units/properties": properties(milkbot_analytics_service={"ActiveState": "failed", "Result": "oom-kill"})},
        {},
        "oom-kill",
        "restart",
    ),
    (
        "clock-off",
        {"probes/clock": "ahead 301.0 seconds of demo (its Date: x)\n"},
        {},
        "301 seconds ahead",
        "timedatectl",
    ),
    (
        "postgresql-stopped",
        {"units/properties": properties(postgresql_15_main_service=STOPPED)},
        DOWN,
        "inactive",
        "systemctl start postgresql@15-main",
    ),
    (
        "postgresql-stopped",
        {
            "units/properties": properties(postgresql_15_main_service=FAILED),
            "postgres/log": (
                'LOG: invalid connection type "hots"\nFATAL:  could not load /etc/postgresql/15/main/pg_hba.conf\n'
            ),
        },
        DOWN,
        "could not load",
        "--tags postgres",
    ),
    (
        "postgresql-starting",
        {"postgres/answers": "FATAL:  the database system is starting up\n"},
        DOWN,
        "starting up",
        "tail -f",
    ),
    (
        "postgresql-full",
        {"postgres/answers": "FATAL:  sorry, too many clients already\n"},
        DOWN,
        "too many clients",
        "pg_stat_activity",
    ),
    (
        "postgresql-silent",
        {"postgres/answers": "psql: no answer within 8 s; it was stopped\n"},
        {"postgres/answers": 124},
        "no answer within",
        "restart",
    ),
    (
        "database-missing",
        {"postgres/databases": rows({"datname": "postgres"}, {"datname": "milkbot_old_20261124"})},
        {},
        "milkbot_old",
        "restore-database.sh",
    ),
    (
        "database-closed",
        {"postgres/databases": rows({"datname": "milkbot", "datallowconn": False})},
        {},
        "datallowconn=False",
        "ALLOW_CONNECTIONS true",
    ),
    (
        "role-missing",
        {"postgres/roles": rows({"rolname": "milkbot", "rolcanlogin": True})},
        {},
        "milkbot_api",
        "--tags postgres",
    ),
    (
        "access-rules-broken",
        {"postgres/access-rules": rows({"line_number": 7, "error": 'invalid connection type "hots"'})},
        {},
        "line 7",
        "--tags postgres",
    ),
    (
        "access-refused",
        {"logins/milkbot_api": 'FATAL:  no pg_hba.conf entry for host "[local]", user "milkbot_api"\n'},
        REFUSED,
        "no pg_hba.conf entry",
        "--tags postgres",
    ),
    (
        "access-refused",
        {"logins/milkbot_api": 'FATAL:  Peer authentication failed for user "milkbot_api"\n'},
        REFUSED,
        "Peer",
        "--tags postgres",
    ),
    (
        "password-wrong",
        {"logins/password": 'FATAL:  password authentication failed for user "milkbot"\n'},
        {"logins/password": 2},
        "password authentication",
        "--tags postgres,environment",
    ),
    (
        "rights-missing",
        {"logins/milkbot_api": 'FATAL:  permission denied for database "milkbot"\n'},
        REFUSED,
        "permission denied",
        "milkbot db smoke",
    ),
    ("schema-mismatch", {"health/rows": health_row("schema", OLDER)}, {}, "0007", "milkbot db upgrade"),
    ("schema-mismatch", {"health/rows": health_row("schema", NEWER)}, {}, "0009", "rollback.yml"),
    ("blocked", {"postgres/blocked": rows(BLOCKED)}, {}, "idle in transaction", "pg_terminate_backend(7)"),
    (
        "idle-transaction",
        {"postgres/activity": rows({"pid": 7, "state": "idle in transaction", "transaction_seconds": 4000})},
        {},
        "None",
        "pg_terminate_backend(7)",
    ),
    (
        "env-missing",
        {"config/files": rows({"path": "/opt/milkbot/.env", "missing": True})},
        {},
        "No such file",
        "--tags environment",
    ),
    (
        "env-unreadable",
        {"config/files": rows({"path": "/opt/milkbot/.env", "missing": False, "mode": "0600", "owner": "root"})},
        {},
        "owner root",
        "chown milkbot-owner",
    ),
    (
        "env-open",
        {
            "config/files": rows(
                {"path": "/opt/milkbot/.env", "missing": False, "mode": "0644", "owner": "milkbot-owner"}
            )
        },
        {},
        "0644",
        "chmod 0600",
    ),
    (
        "env-broken",
        {"config/check": "trader: KELLY_FRACTION is 'x': input should be a valid decimal\nchecked\n"},
        {},
        "KELLY_FRACTION",
        "--tags environment",
    ),
    (
        "env-broken",
        {"config/opt/milkbot/.env": "TRADING_MODE=demo\nthis is no setting\n"},
        {},
        "line 2",
        "--tags environment",
    ),
    (
        "mode-and-exchange",
        {"config/check": "trader: TRADING_MODE=live does not fit KALSHI_API_BASE=https://demo-api.kalshi.co, x\n"},
        {},
        "does not fit",
        "environment_trading_mode",
    ),
    (
        "exchange-key-file",
        {"config/check": "trader: KALSHI_PRIVATE_KEY_PATH=/k cannot be read: No such file or directory\n"},
        {},
        "cannot be read",
        "--tags environment",
    ),
    (
        "exchange-refuses",
        {"release/doctor": '[{"check": "exchange", "verdict": "fail", "detail": "GET /portfolio: HTTP 401 x"}]'},
        {"release/doctor": 1},
        "HTTP 401",
        "new key",
    ),
    (
        "current-dangling",
        {
            "release/links": rows(
                {"path": "/opt/milkbot/current", "target": "releases/gone", "link": True, "exists": False}
            )
        },
        {},
        "releases/gone",
        "ln -sfnT releases/20261120T000000Z-bbbbbbbbbbbb",
    ),
    (
        "environment-broken",
        {"release/imports": "Traceback\nModuleNotFoundError: No module named 'structlog'\n"},
        {"release/imports": 1},
        "structlog",
        "release.json",
    ),
    (
        "import-error",
        {"release/imports": 'Traceback\n  File "/opt/milkbot/x/milkbot/trader/a.py", line 3\nNameError: name\n'},
        {"release/imports": 1},
        "NameError",
        "rollback.yml",
    ),
    (
        "deploy-lock-dead",
        {"health/rows": health_row("deploy lock", HELD, "warn", cause="deploy-lock-dead")},
        {},
        "update of ann",
        "unlock.yml",
    ),
    (
        "deploy-lock-old",
        {"health/rows": health_row("deploy lock", HELD)},
        {},
        "ann",
        "unlock.yml",
    ),
    (
        "deploy-running",
        {"health/rows": health_row("deploy lock", HELD, "ok")},
        {},
        "ann",
        "wait",
    ),
    (
        "no-route",
        {"network/routes": "", "network/reach": "NWS_API_BASE api.weather.gov: the name does not resolve\n"},
        {},
        "no default route",
        "ip route",
    ),
    (
        "names-fail",
        {"network/reach": "KALSHI_API_BASE a.kalshi.co: the name does not resolve\n"},
        {},
        "a.kalshi.co",
        "resolv.conf",
    ),
    (
        "unreachable",
        {"network/reach": "NWS_API_BASE api.weather.gov: no connection to port 443: timed out\n"},
        {},
        "timed out",
        "curl",
    ),
    ("firewall-off", {"network/firewall": "Status: inactive\n"}, {}, "inactive", "--tags ufw"),
    (
        "firewall-closed",
        {"network/firewall": "Status: active\n\n22/tcp ALLOW IN Anywhere\n80/tcp ALLOW IN Anywhere\n"},
        {},
        "80/tcp",
        "ufw allow 443/tcp",
    ),
    (
        "port-taken",
        {
            "units/properties": properties(milkbot_analytics_socket=FAILED, milkbot_analytics_service=FAILED),
            "network/listening": 'tcp LISTEN 0 5 127.0.0.1:8000 0.0.0.0:* users:(("python3",pid=77,fd=3))\n',
        },
        {},
        "process 77",
        "kill 77",
    ),
    (
        "milkbot-analytics-down",
        {"units/properties": properties(milkbot_analytics_service=FAILED, milkbot_analytics_socket=STOPPED)},
        {},
        "exit 1",
        "systemctl start milkbot-analytics.socket",
    ),
    (
        "milkbot-analytics-down",
        {"units/properties": properties(milkbot_analytics_service={**STOPPED, "LoadState": "masked"})},
        {},
        "inactive",
        "unmask milkbot-analytics.service ansible-playbook -i INVENTORY site.yml --tags systemd",
    ),
    (
        "milkbot-dashboard-down",
        {
            "units/properties": properties(
                milkbot_dashboard_service={**FAILED, "ActiveState": "activating", "SubState": "auto-restart"}
            )
        },
        {},
        "activating",
        "milkbot-dashboard",
    ),
    ("api-answers-badly", {"probes/api": "status 500 in 0.1 s\nx: y\n\nno\n"}, {}, "status 500", "restart"),
    (
        "not-enabled",
        {"units/properties": properties(nginx_service={"UnitFileState": "disabled"})},
        {},
        "nginx.service",
        "enable --now",
    ),
    (
        "certificate-expired",
        {"health/rows": certificate_row(details=DATES.replace("Feb  1 00:00:00 2027", "Nov 20 00:00:00 2026"))},
        {},
        "Nov 20",
        "--tags nginx",
    ),
    (
        "certificate-too-young",
        {"health/rows": certificate_row(details=DATES.replace("Nov  1", "Nov 30"))},
        {},
        "Nov 30",
        "date -u",
    ),
    (
        "certificate-ends-soon",
        {"health/rows": certificate_row(details=DATES.replace("Feb  1 00:00:00 2027", "Nov 30 00:00:00 2026"))},
        {},
        "Nov 30",
        "--tags nginx",
    ),
    ("certificate-key-mismatch", {"health/rows": certificate_row(fits=False)}, {}, "is not that of", "--tags nginx"),
    (
        "certificate-missing",
        {"health/rows": certificate_row(key_missing=True, key_readable=False)},
        {},
        "/k: No such file",
        "--tags nginx",
    ),
    (
        "certificate-of-another",
        {"health/rows": certificate_row(domains=["other.example"])},
        {},
        "milkbot.ai",
        "--tags nginx",
    ),
    (
        "nginx-config",
        {"nginx/test": 'nginx: [emerg] unknown directive "x" in /etc/nginx/a:3\n'},
        {"nginx/test": 1},
        "unknown directive",
        "--tags nginx",
    ),
    (
        "nginx-stopped",
        {"units/properties": properties(nginx_service=STOPPED)},
        {},
        "inactive",
        "systemctl start nginx",
    ),
    ("site-missing", {"nginx/sites": "total 0\n"}, {}, "no milkbot.conf", "--tags nginx"),
    ("nginx-answers-badly", {"probes/https-api": "status 502 in 0.1 s\n"}, {}, "502", "reload nginx"),
    (
        "timer-stopped",
        {"units/properties": properties(milkbot_trader_timer=STOPPED)},
        {},
        "inactive",
        "enable --now milkbot-trader.timer",
    ),
    (
        "timer-stopped",
        {"units/properties": properties(milkbot_trader_timer={**STOPPED, "LoadState": "masked"})},
        {},
        "inactive",
        "unmask milkbot-trader.timer ansible-playbook -i INVENTORY site.yml --tags systemd",
    ),
    (
        "trading-halted",
        {"health/rows": health_row("trading state", "demo is HALTED: the restore", "warn", cause="trading-halted")},
        {},
        "the restore",
        "milkbot resume",
    ),
    (
        "not-armed",
        {"health/rows": health_row("live arming", "live trading is not armed: no order is sent")},
        {},
        "not armed",
        "arm-live",
    ),
    ("tick-fails", {"units/properties": properties(milkbot_trader_service=FAILED)}, {}, "exit-code", "milkbot doctor"),
    (
        "tick-fails",
        {"health/rows": health_row("last tick", "60 min ago: completed", overdue=True)},
        {},
        "60 min ago",
        "milkbot doctor",
    ),
    (
        "rollups-fail",
        {"units/properties": properties(milkbot_rollups_service=FAILED)},
        {},
        "exit-code",
        "milkbot-rollups",
    ),
    (
        "orders-unknown",
        {"health/rows": health_row("UNKNOWN orders", "1, the oldest for 3 min, such as mb-1", "warn")},
        {},
        "mb-1",
        "milkbot orders",
    ),
    ("cron-broken", {"cron/root": "no crontab for root\n"}, {"cron/root": 1}, "crontab", "--tags cron"),
    ("cron-broken", {"units/properties": properties(cron_service=STOPPED)}, {}, "inactive", "enable --now cron"),
    (
        "backups-fail",
        {"health/rows": health_row("daily backup", "failed: no room; there is no good one")},
        {},
        "no room",
        "backup-database.sh daily",
    ),
    (
        "backups-fail",
        {
            "health/rows": health_row("daily backup", "failed: no directory; there is no good one"),
            "backups/directories": "ls: cannot access '/var/backups/milkbot/daily': No such file or directory\n",
        },
        {},
        "No such file",
        "--tags user",
    ),
    (
        "row-fails",
        {"health/rows": health_row("running code", "milkbot-analytics.service runs 20261101T000000Z")},
        {},
        "milkbot-analytics.service runs",
        "what to do",
    ),
    (
        "archiving-fails",
        {
            "health/rows": health_row("WAL archive", "archiving of 0000001F fails; none was ever archived"),
            "postgres/log": (
                "ERROR: [045]: WAL file '0000001F' already exists in the repo1 archive with a different checksum\n"
                "LOG:  archive command failed with exit code 45\n"
            ),
        },
        {},
        "different checksum",
        "pgbackrest --stanza=milkbot check",
    ),
    (
        "archiving-fails",
        {
            "health/rows": health_row("WAL archive", "archiving of 0000001F fails; none was ever archived"),
            "postgres/log": (
                "ERROR: [103]: unable to find a valid repository:\n"
                "       repo1: [FileOpenError] unable to load info file '/archive/archive.info':\n"
                "       FileOpenError: unable to open file '/archive/archive.info' for read: [13] Permission denied\n"
                "       HINT: has a stanza-create been performed?\n"
                "LOG:  archive command failed with exit code 103\n"
            ),
        },
        {},
        "Permission denied",
        "pgbackrest --stanza=milkbot check",
    ),
]


@pytest.mark.parametrize(
    ("name", "texts", "codes", "seen", "do"), CASES, ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)]
)
def test_each_fault_is_named_with_its_evidence_and_remedy(
    name: str, texts: dict[str, str], codes: dict[str, int], seen: str, do: str
) -> None:
    found = judged(texts, codes)
    assert found, "nothing was found"
    assert found[0].name == name
    assert seen in " ".join(found[0].evidence)
    assert do in " ".join(found[0].remedy)
    assert found[0].title
    assert found[0].cause
