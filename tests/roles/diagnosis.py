"""Collections of facts for the diagnosis to judge."""

from __future__ import annotations

import json
from typing import Any

from tests.roles.rendering import ROOT

from milkbot_hostcheck.asking import Answer
from milkbot_hostcheck.checks import certificate
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnose import judged as judged_by
from milkbot_hostcheck.diagnosis import Diagnosis
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.settings import Settings

PROGRAM = ROOT / "deployment/hostcheck"
AT = "2026-11-25T12:00:00Z"

# What broken parts say.
DOWN = {"postgres/answers": 2}
STOPPED = {"ActiveState": "inactive", "Result": "success"}
FAILED = {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "1"}
REFUSED = {"logins/milkbot_api": 2}
_PAIR = {"certificate": "/etc/ssl/certs/x.pem", "key": "/k", "readable": True, "key_readable": True, "fits": True}
DATES = "notBefore=Nov  1 00:00:00 2026 GMT\nnotAfter=Feb  1 00:00:00 2027 GMT\nDNS:milkbot.ai"
BLOCKED = {
    "pid": 10,
    "usename": "milkbot",
    "application_name": "milkbot migrate",
    "seconds": 30,
    "query": "ALTER TABLE ops.orders",
    "by_pid": 7,
    "by_usename": "operator",
    "by_application": "psql",
    "by_state": "idle in transaction",
    "by_seconds": 90,
    "by_query": "SELECT * FROM ops.orders",
}

_ROLES = ("", "_trader", "_rollups", "_api")

# What units are like when all is well.
_WELL = {
    **dict.fromkeys(
        ("milkbot-analytics.service", "milkbot-dashboard.service", "nginx.service", "cron.service"), "active"
    ),
    **dict.fromkeys(("milkbot-analytics.socket", "milkbot-dashboard.socket", "postgresql@15-main.service"), "active"),
    **dict.fromkeys(("milkbot-trader.timer", "milkbot-rollups.timer"), "active"),
    **dict.fromkeys(("milkbot-trader.service", "milkbot-rollups.service"), "inactive"),
}


def rows(*given: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in given)


def health_row(name: str, value: str, state: str = "fail", *, overdue: bool = False, cause: str = "") -> str:
    """A row of the health check that is not healthy."""
    words = {"name": name, "state": state, "value": value, "limit": "", "remedy": "what to do", "cause": cause}
    return rows({**words, "known": True, "overdue": overdue})


def properties(**changed: dict[str, str]) -> str:
    """Units as systemctl shows them, all well but for what is given by the unit's name with _ for - and . alike."""
    blocks = []
    for name, state in _WELL.items():
        known = {
            "Id": name,
            "LoadState": "loaded",
            "ActiveState": state,
            "Result": "success",
            "UnitFileState": "enabled",
        }
        known |= changed.get(name.replace("-", "_").replace(".", "_").replace("@", "_"), {})
        blocks.append("\n".join(f"{key}={value}" for key, value in known.items()))
    return "\n\n".join(blocks) + "\n"


def collection(texts: dict[str, str] | None = None, codes: dict[str, int] | None = None) -> Collection:
    """A collection in which all is well, and what is given instead."""
    well = {
        "units/properties": properties(),
        "disk/space": "Filesystem Type 1024-blocks Used Available Capacity Mounted on\n"
        "/dev/vda1 ext4 41000000 9000000 30000000 24% /\n",
        "disk/inodes": (
            "Filesystem Type Inodes IUsed IFree IUse% Mounted on\n/dev/vda1 ext4 2600000 90000 2510000 4% /\n"
        ),
        "postgres/answers": "up since 2026-11-01\n",
        "postgres/databases": rows({"datname": "milkbot", "datallowconn": True, "datconnlimit": -1}),
        "postgres/roles": rows(*({"rolname": f"milkbot{name}", "rolcanlogin": True} for name in _ROLES)),
        "release/list": rows(
            {
                "id": "20261101T000000Z-aaaaaaaaaaaa",
                "live": False,
                "complete": True,
                "record": {"result": "good", "schema": "0008"},
            },
            {
                "id": "20261120T000000Z-bbbbbbbbbbbb",
                "live": True,
                "complete": True,
                "record": {"result": "good", "schema": "0008"},
            },
        ),
        "release/links": rows({"path": "/opt/milkbot/current", "target": "releases/x", "link": True, "exists": True}),
        "release/imports": "OK\n",
        "config/opt/milkbot/.env": "TRADING_MODE=demo\n",
        "cron/root": "0 2 * * * /opt/milkbot/deployment/scripts/backup-database.sh daily\n",
        "network/firewall": "Status: active\nDefault: deny (incoming), allow (outgoing), disabled (routed)\n\n"
        "22/tcp ALLOW IN Anywhere\n80/tcp ALLOW IN Anywhere\n443/tcp ALLOW IN Anywhere\n",
        "network/routes": "default via 10.0.0.1 dev eth0\n",
        "nginx/sites": "lrwxrwxrwx 1 root root 38 milkbot.conf -> /etc/nginx/sites-available/milkbot.conf\n",
        "probes/api": "status 200 in 0.01 s\n",
    } | (texts or {})
    codes = codes or {}
    answers = {name: Answer(codes.get(name, 0), text) for name, text in well.items()}
    answers |= {name: Answer(code) for name, code in codes.items() if name not in answers}
    return Collection(answers, {"at": AT, "host": "vps", "root": True})


def judged(texts: dict[str, str] | None = None, codes: dict[str, int] | None = None) -> list[Diagnosis]:
    """What is wrong there."""
    return judged_by(collection(texts, codes))


def df(percent: int, place: str = "/", total: int = 41_000_000) -> str:
    """What df says of one disk that is so full; its size is in kilobytes."""
    used = total * percent // 100
    return f"Filesystem\n/dev/vda1 ext4 {total} {used} {total - used} {percent}% {place}\n"


def certificate_row(**changed: Any) -> str:
    """The row of a certificate with its key, all well but for what is given."""
    pair = rows({**_PAIR, "details": DATES, "domains": ["milkbot.ai"], **changed})
    facts = Collection({"nginx/certificates": Answer(0, pair)}, {"at": AT})
    (row,) = certificate.rows(Host(Settings(), now=facts.now, facts=facts))
    return rows({**row.as_json(), "known": row.known, "overdue": row.overdue})
