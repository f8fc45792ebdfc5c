"""Whether what runs on a machine is what is on its disk, by other means than the roles and the health check use."""

from __future__ import annotations

import json
import subprocess
import time

from tests.deploy.platform import ROOT, Platform
from tests.patience import PATIENCE

# Each line that it prints is something that runs otherwise than its files say.
_PROGRAM = r"""
cd /
worker() { pgrep -f 'nginx: worker process$' | xargs -r ps -o etimes= -p | sort -nr | head -1; }
# A reload's old workers go after 30 seconds at most.
seconds=$(worker)
if [ -z "$seconds" ]; then
    echo "nginx: no worker serves"
else
    # A second less, as both are whole ones.
    begun=$(($(date +%s) - seconds + 1))
    find /etc/nginx/*-enabled /etc/nginx/conf.d /etc/nginx/sites-available /etc/nginx/nginx.conf /etc/ssl/private \
        -newerct "@$begun" ! -name '.*' | sed 's/^/nginx has not loaded /'
fi
nginx -t -q 2>&1 | sed 's/^/nginx: /'
for unit in $(ls /etc/systemd/system | grep '^milkbot-.*\.\(service\|timer\|socket\)$' | grep -v '@'); do
    systemctl show --property=NeedDaemonReload "$unit" | grep -q =yes && echo "$unit: systemd has not read it"
    begun=$(systemctl show --value --timestamp=unix --property=ActiveEnterTimestamp "$unit")
    [ "$(systemctl is-active "$unit")" = active ] || continue
    find "/etc/systemd/system/$unit" -newerct "@$((${begun#@} + 1))" | sed "s/^/$unit began before /"
done
# The local exchange runs from the release too.
if [ "$(systemctl is-active milkbot-simulator)" = active ]; then
    begun=$(systemctl show --value --timestamp=unix --property=ActiveEnterTimestamp milkbot-simulator)
    find /opt/milkbot/current -maxdepth 0 -newerct "@$((${begun#@} + 1))" -printf 'milkbot-simulator began before %p\n'
fi
systemctl show --property=NeedDaemonReload logrotate.timer | grep -q =yes && echo "logrotate.timer: not read"
for unit in milkbot-trader.timer milkbot-rollups.timer milkbot-analytics.socket milkbot-dashboard.socket \
    milkbot-analytics.service milkbot-dashboard.service nginx.service cron.service; do
    [ "$(systemctl is-active "$unit")" = active ] || echo "$unit is $(systemctl is-active "$unit")"
done
for unit in milkbot-analytics-next milkbot-dashboard-next; do
    [ "$(systemctl is-active "$unit")" = inactive ] || echo "$unit is $(systemctl is-active "$unit")"
done
systemctl is-active --quiet milkbot-resume.timer && echo "milkbot-resume.timer waits still"
psql() { runuser -u postgres -- psql -XqAt -d postgres -c "$1"; }
psql "SELECT 'PostgreSQL waits for a restart: ' || name FROM pg_settings WHERE pending_restart"
psql "SELECT 'PostgreSQL runs ' || s.name || ' of ' || coalesce(s.sourcefile, s.source)
    FROM pg_file_settings f JOIN pg_settings s USING (name)
    WHERE f.sourcefile LIKE '%/conf.d/milkbot%' AND f.sourcefile IS DISTINCT FROM s.sourcefile
    AND s.source <> 'default'"
psql "SELECT 'PostgreSQL has no ' || f.name || ' of ' || f.sourcefile FROM pg_file_settings f WHERE error IS NOT NULL"
begun=$(psql "SELECT ceil(extract(epoch FROM pg_conf_load_time()))")
find /etc/postgresql/*/main /var/lib/postgresql/*/main/postgresql.auto.conf -type f -newerct "@$begun" |
    sed 's/^/PostgreSQL has not loaded /'
for program in iptables ip6tables; do
    set -- ufw; [ $program = iptables ] || set -- ufw6
    file=/etc/ufw/user.rules; [ $program = iptables ] || file=/etc/ufw/user6.rules
    [ "$(grep -c "^-A $1-user-input" $file)" = "$($program -S | grep -c "^-A $1-user-input")" ] ||
        echo "$program has not loaded $file"
done
[ -e /run/lock/milkbot-deploy.json ] && echo "the lock is held: $(cat /run/lock/milkbot-deploy.json)"
live=$(basename "$(readlink /opt/milkbot/current)")
answers=$(curl --silent --max-time 10 http://127.0.0.1:8000/v1/health)
case "$answers" in *"\"$live\""*) ;; *) echo "current is $live, and the API answers $answers" ;; esac
[ -z "$(find /opt/milkbot/releases -mindepth 1 -maxdepth 1 ! -exec test -e {}/release.json ';' -print)" ] ||
    echo "a release is incomplete"
true
"""


def otherwise(platform: Platform) -> list[str]:
    """What runs otherwise than the disk says; empty when nothing does. Asked by programs of the machine's own."""
    return platform.ssh(_PROGRAM).splitlines()


def complaints(platform: Platform, *rows: str) -> list[str]:
    """Of these rows of the health check, those that are not ok."""
    found = json.loads(platform.ssh("/opt/milkbot/deployment/scripts/healthcheck.sh --json || true"))
    known = {row["name"]: row for row in found["rows"]}
    return [f"{name}: {known[name]['value']}" for name in rows if known[name]["state"] != "ok"]


def reachable(platform: Platform) -> None:
    """Returns once a fresh connection of ssh is let in."""
    deadline = time.monotonic() + PATIENCE
    command = [str(ROOT / "bin/vps"), "ssh", platform.machine, "true"]
    while subprocess.run(command, check=False, capture_output=True).returncode != 0:
        assert time.monotonic() < deadline, "not reachable again"
        time.sleep(1)
