"""Where things are on a host: the runbook's names, and what the roles call theirs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

HOME = Path("/opt/milkbot")
CURRENT = HOME / "current"
RELEASES = HOME / "releases"
ENV_FILE = HOME / ".env"
# Who may read it: the user who owns the database, and runs the operator's commands.
ENV_USER = "milkbot-owner"
CONFIG = Path("/etc/milkbot")
LOGS = Path("/var/log/milkbot")
BACKUPS = Path("/var/backups/milkbot")
BACKUP_KINDS = ("daily", "weekly", "monthly", "pre-deploy")
BACKUP_STATE = Path("/var/lib/milkbot-backup")
RECORD = Path("/var/lib/milkbot-record")
RESERVE = BACKUPS / ".reserve"
# The operator's page reads it; the sockets of that page make the directory.
HEALTH_RESULT = Path("/run/milkbot-operator/health.json")
OPERATOR_GROUP = "milkbot-operator"
NGINX_SITE = Path("/etc/nginx/sites-available/milkbot.conf")

SERVICES = ["milkbot-analytics.service", "milkbot-dashboard.service"]
SOCKETS = ["milkbot-analytics.socket", "milkbot-dashboard.socket"]
ONESHOTS = ["milkbot-trader.service", "milkbot-rollups.service"]
TIMERS = ["milkbot-trader.timer", "milkbot-rollups.timer"]
SIMULATOR = "milkbot-simulator.service"
UNITS = [
    *SERVICES,
    *SOCKETS,
    *TIMERS,
    *ONESHOTS,
    SIMULATOR,
    "nginx.service",
    "cron.service",
    "ufw.service",
    "ssh.service",
]
APT_TIMERS = ["apt-daily.timer", "apt-daily-upgrade.timer"]
# By the source of the certificate: the timer and the service that renew it.
RENEWAL = {"letsencrypt": "certbot", "self-signed": "milkbot-certificate"}
PORTS = {"milkbot-analytics": 8000, "milkbot-dashboard": 8501}

# Files that may hold secrets: read for their values, which are then hidden everywhere.
SECRET_FILES = [
    "/opt/milkbot/.env*",
    "/etc/milkbot/**",
    "/etc/milkbot-*/**",
    "/etc/pgbackrest.conf",
    "/etc/pgbackrest/**",
    "/etc/postgresql/*/main/**",
    "/etc/rclone*.conf",
    "/etc/systemd/system/milkbot-*",
    "/etc/systemd/system/*.d/*.conf",
    "/etc/systemd/system.control/**",
    "/run/systemd/system*/*.d/*.conf",
    "/etc/nginx/**",
    "/root/.config/rclone/*",
    "/root/.config/restic/*",
    "/root/.netrc",
    "/var/spool/cron/crontabs/*",
    "/etc/cron.d/*",
]
PASSWORD_FILES = ["/root/.pgpass", "/opt/milkbot/.pgpass", "/var/lib/postgresql/.pgpass", "/home/*/.pgpass"]
KEY_FILES = [
    "/opt/milkbot/*.pem",
    "/opt/milkbot/*.key",
    "/etc/ssl/private/*",
    "/etc/milkbot*/**",
    "/root/.ssh/id_*",
    "/root/.config/age/*",
]
# What of them goes into the archive, masked.
SHOWN_FILES = [
    "/opt/milkbot/.env",
    "/etc/milkbot/**",
    "/etc/milkbot-*/**",
    "/etc/nginx/sites-enabled/*",
    "/etc/postgresql/*/main/pg_hba.conf",
    "/etc/postgresql/*/main/pg_ident.conf",
    "/etc/postgresql/*/main/conf.d/*",
    "/etc/logrotate.d/milkbot",
    "/etc/pgbackrest.conf",
    "/etc/pgbackrest/**",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/cron.d/*",
    "/var/lib/milkbot-backup/*.json",
    "/var/lib/milkbot-record/*.json",
]


def postgres_unit() -> str:
    """The unit of the cluster: of the newest version that has one on this host."""
    versions = sorted(path.parent.name for path in Path("/etc/postgresql").glob("*/main"))
    return f"postgresql@{versions[-1] if versions else '15'}-main.service"


def postgres_unit_of(units: Iterable[str]) -> str:
    """The unit of the cluster among those that were collected."""
    return next((name for name in units if name.startswith("postgresql@")), "postgresql@15-main.service")


def files(patterns: list[str]) -> list[Path]:
    """The regular files that the patterns name."""
    found = {path for pattern in patterns for path in Path("/").glob(_below_all(pattern).lstrip("/"))}
    return sorted(path for path in found if path.is_file())


def _below_all(pattern: str) -> str:
    """Path.glob finds directories alone by a pattern that ends in two stars."""
    return f"{pattern}/*" if pattern.endswith("**") else pattern
