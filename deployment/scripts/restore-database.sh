#!/usr/bin/env bash
# restore-database.sh FILE
#
# Restores a backup into a new database beside the running one, checks it, and then swaps their names; the one before is kept
# as milkbot_old_TIME. A backup that is broken changes nothing. Ticks are held off meanwhile, and trading is halted
# afterwards: the exchange went on, so an operator looks first, and then says: milkbot resume --reason ...
# Exit codes: 0 done · 1 failed · 2 wrong usage
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd / # runuser keeps the directory, which may be one that only root can enter
umask 077

database=milkbot
owner=milkbot
service_roles='milkbot_trader, milkbot_rollups, milkbot_api'
stamp=$(date -u +%Y%m%d_%H%M%S)
restored=milkbot_restore_$stamp
kept=milkbot_old_$stamp
timers=(milkbot-trader.timer milkbot-rollups.timer)
services=(milkbot-trader.service milkbot-rollups.service)

log() { printf '%s restore: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2; }
fail() { log "failed: $*"; exit 1; }
sql() { runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 --dbname="${1:-postgres}"; }

check_file() {
    local expected
    if [[ -e $1.sha256 ]]; then
        read -r expected _ <"$1.sha256"
        sha256sum --check --status <<<"$expected  $1" || fail "$1 is not what was backed up (its SHA-256 differs); take another"
    else
        log "$1.sha256 is missing, so only the end of the dump is checked"
    fi
    gunzip --stdout "$1" | tail -n 10 | grep -q '^-- PostgreSQL database dump complete' ||
        fail "$1 is not a complete dump; take another"
}

hold_ticks() {
    mapfile -t running < <(systemctl list-units --plain --no-legend --state=active "${timers[@]}" | cut -d' ' -f1)
    systemctl stop "${timers[@]}"
    for service in "${services[@]}"; do
        while [[ $(systemctl show --property=ActiveState --value "$service") == activating ]]; do sleep 1; done
    done
}

release_ticks() { [[ ${#running[@]} -eq 0 ]] || systemctl start "${running[@]}"; }

create_and_fill() {
    sql <<<"CREATE DATABASE $restored OWNER $owner TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'" &&
        gunzip --stdout "$1" |
        runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1 --single-transaction --dbname="$restored" >/dev/null &&
        # What belongs to the database itself is not in the dump: without this, everybody could come in.
        sql <<<"REVOKE CONNECT, TEMPORARY ON DATABASE $restored FROM PUBLIC; GRANT CONNECT ON DATABASE $restored TO $service_roles" &&
        [[ -n $(sql "$restored" <<<"SELECT version_num FROM ops.alembic_version") ]]
}

# Nobody may connect while the names change. The gate is two statements of their own, so it has to be opened again on every
# way out.
swap() {
    sql <<EOF_SQL
ALTER DATABASE $database ALLOW_CONNECTIONS false;
ALTER DATABASE $restored ALLOW_CONNECTIONS false;
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname IN ('$database', '$restored');
BEGIN;
ALTER DATABASE $database RENAME TO $kept;
ALTER DATABASE $restored RENAME TO $database;
ALTER DATABASE $database ALLOW_CONNECTIONS true;
COMMIT;
EOF_SQL
}

leave() {
    local code=$?
    if ((code != 0)); then
        sql <<<"ALTER DATABASE $database ALLOW_CONNECTIONS true" || log "open the gate by hand: ALTER DATABASE $database ALLOW_CONNECTIONS true"
        sql <<<"DROP DATABASE IF EXISTS $restored" || log "drop what is left by hand: DROP DATABASE $restored"
        release_ticks
        log "nothing was changed: $database is the one from before"
    fi
    exit "$code"
}

if [[ $# -ne 1 || $1 == -* ]]; then
    echo "restore-database.sh: give the file of one backup; ls -la /var/backups/milkbot/daily/ lists them" >&2
    exit 2
fi
[[ $EUID -eq 0 ]] || { echo "restore-database.sh: run it as root (sudo $0 $1)" >&2; exit 2; }
[[ -r $1 ]] || fail "$1 cannot be read; ls -la /var/backups/milkbot/daily/ lists the backups"

check_file "$1"
running=()
trap leave EXIT
hold_ticks
create_and_fill "$1" || fail "$1 could not be restored; take another"
swap >/dev/null
trap - EXIT
log "$database is now what $1 holds; the one before is kept until: runuser -u postgres -- dropdb $kept"

if ! milkbot halt --reason "restored from $(basename "$1")"; then
    fail "trading could not be halted, so the timers stay stopped; see: milkbot doctor"
fi
release_ticks
log "trading is halted; look at: milkbot positions, and then: milkbot resume --reason ..."
