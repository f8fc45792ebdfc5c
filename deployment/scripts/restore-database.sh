#!/usr/bin/env bash
# restore-database.sh [--upgrade-by MILKBOT] FILE
# restore-database.sh --show FILE
#
# Restores a backup into a new database beside the running one, checks it, halts trading in it, and then swaps their names;
# the one before is kept as milkbot_old_TIME. A backup that is broken changes nothing. Ticks are held off meanwhile. The
# exchange went on, so an operator looks first, and then says: milkbot resume --reason ...
# With --upgrade-by the new database is migrated before the swap, by that release's command. --show tells what would be lost.
#
# It takes the lock of the host's deploys, or works under the lock of the playbook that started it. Killed at any moment it
# leaves one whole database of that name; run again, it removes what was left. Should nobody do that, the timers start again
# after 15 minutes.
# Exit codes: 0 done · 1 failed · 2 wrong usage · 75 another run holds the lock
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
umask 077

database=milkbot
owner=milkbot
service_roles='milkbot_trader, milkbot_rollups, milkbot_api'
kept_databases=2
stamp=$(date -u +%Y%m%d_%H%M%S)
restored=milkbot_restore_$stamp
kept=milkbot_old_$stamp
timers=(milkbot-trader.timer milkbot-rollups.timer)
services=(milkbot-trader.service milkbot-rollups.service)
home=/opt/milkbot
lock_file=/run/lock/milkbot-deploy.json

running=() own_lock='' finished='' before=''

log() { printf '%s restore: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2; }
fail() { log "failed: $*"; exit 1; }
sql() { runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 --dbname="${1:-postgres}"; }
id_of() { sql <<<"SELECT oid FROM pg_database WHERE datname = '$1'"; }

# A playbook that holds the lock says so by the run in its environment.
take_lock() {
    [[ -z ${MILKBOT_RUN:-} || $(jq --raw-output .run "$lock_file" 2>/dev/null) != "$MILKBOT_RUN" ]] || return 0
    MILKBOT_RUN=$("$scripts/deploy-lock.py" take --pid $$ --purpose "restore-database.sh $1") || exit $?
    export MILKBOT_RUN # so that what this leaves working, should it be killed, can be found
    own_lock=yes
}

drop_leftovers() {
    local name
    for name in $(sql <<<"SELECT datname FROM pg_database WHERE datname LIKE 'milkbot\_restore\_%'"); do
        log "an earlier restore was killed; $name is removed"
        sql <<<"DROP DATABASE $name WITH (FORCE)"
    done
}

# A run that was killed left the timers stopped, and behind it what starts them again.
remember_timers() {
    if systemctl is-active --quiet milkbot-resume.timer; then
        running=("${timers[@]}")
    else
        mapfile -t running < <(systemctl list-units --plain --no-legend --state=active "${timers[@]}" | cut -d' ' -f1)
    fi
}

hold_ticks() {
    if ((${#running[@]})) && ! systemctl is-active --quiet milkbot-resume.timer; then
        systemd-run --quiet --unit=milkbot-resume --description='Milkbot: start the timers that a restore left stopped' \
            --on-active=15min --timer-property=AccuracySec=1s --collect systemctl start "${running[@]}"
    fi
    systemctl stop "${timers[@]}"
    local service
    for service in "${services[@]}"; do
        while [[ $(systemctl show --property=ActiveState --value "$service") == activating ]]; do sleep 1; done
    done
}

release_ticks() {
    ((${#running[@]})) || return 0
    systemctl start "${running[@]}"
    systemctl stop milkbot-resume.timer
}

create_and_fill() {
    sql <<<"CREATE DATABASE $restored OWNER $owner TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'" &&
        gunzip --stdout "$1" |
        runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1 --single-transaction --dbname="$restored" >/dev/null &&
        # What belongs to the database itself is not in the dump: without this, everybody could come in.
        sql <<<"REVOKE CONNECT, TEMPORARY ON DATABASE $restored FROM PUBLIC; GRANT CONNECT ON DATABASE $restored TO $service_roles" &&
        [[ -n $(sql "$restored" <<<"SELECT version_num FROM ops.alembic_version") ]]
}

# Before the swap, in every mode: so that at no moment a database is live in which trading goes on.
halt() {
    sql "$restored" <<EOF_SQL
INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)
SELECT mode, 'halted', 'restored from ' || '$(basename "$1" | tr -d "'\\\\")', 'restore-database.sh', now()
FROM unnest(ARRAY['shadow', 'demo', 'live']) AS mode
EOF_SQL
}

# The first rename locks the name, so that whoever comes now waits, and gives the sessions five seconds to go; meanwhile they
# are ended, but not before: they would only come back, and be thrown out again. Both renames are one transaction: a kill at
# any moment leaves the names as they were, or swapped.
swap() {
    local ending=''
    if [[ -n $before ]]; then
        end_sessions &
        ending=$!
    fi
    sql <<EOF_SQL || return 1
BEGIN;
${before:+ALTER DATABASE $database RENAME TO $kept;}
ALTER DATABASE $restored RENAME TO $database;
COMMIT;
EOF_SQL
    [[ -z $ending ]] || wait "$ending" || true
}

end_sessions() {
    sql <<EOF_SQL
DO \$\$ BEGIN
    FOR turn IN 1..100 LOOP
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid = $before AND EXISTS (
            SELECT FROM pg_locks WHERE classid = 'pg_database'::regclass AND objid = $before
                AND mode = 'AccessExclusiveLock' AND granted
        );
        PERFORM pg_stat_clear_snapshot(), pg_sleep(0.05);
        EXIT WHEN (SELECT datname FROM pg_database WHERE oid = $before) <> '$database';
    END LOOP;
END \$\$;
EOF_SQL
}

drop_oldest_kept() {
    local name
    for name in $(sql <<<"SELECT datname FROM pg_database WHERE datname LIKE 'milkbot\_old\_%' ORDER BY 1 DESC OFFSET $kept_databases"); do
        sql <<<"DROP DATABASE $name WITH (FORCE)" && log "$name was dropped; the newest $kept_databases are kept"
    done
}

record() { # result, reason
    [[ -n $own_lock ]] || return 0 # a playbook writes its own line
    jq --null-input --compact-output --sort-keys --arg at "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --arg result "$1" --arg reason "$2" \
        --arg release "$(basename "$(readlink "$home/current")")" --arg by "${SUDO_USER:-root}@$(hostname)" --arg backup "$file" \
        '{at: $at, action: "restore", result: $result, release: $release, by: $by, backup: $backup, reason: $reason}' \
        >>"$home/deploys.jsonl"
}

# On every way out but SIGKILL.
leave() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    if [[ -z $finished ]]; then
        ((code)) || code=1
        # What is still swapping, or filling, has ended after this.
        sql 2>/dev/null <<<"DROP DATABASE IF EXISTS $restored WITH (FORCE)" || log "drop what is left: runuser -u postgres -- dropdb $restored"
        if [[ $(id_of "$database") == "$before" ]]; then
            log "nothing was changed: $database is the one from before"
        else
            log "$database is what $file holds, although this ended early"
        fi
        record failed 'see the words of restore-database.sh'
        release_ticks
    fi
    [[ -z $own_lock ]] || "$scripts/deploy-lock.py" free --run "$MILKBOT_RUN"
    exit "$code"
}

wrong() {
    echo "restore-database.sh: $*" >&2
    exit 2
}

upgrade_by='' show=''
while [[ ${1:-} == -* ]]; do
    case $1 in
        --show) show=yes ;;
        --upgrade-by)
            upgrade_by=${2:-}
            [[ -x $upgrade_by ]] || wrong "--upgrade-by '$upgrade_by' is no program; give a release's venv/bin/milkbot"
            shift
            ;;
        *) wrong "'$1' is no option; give --show, --upgrade-by MILKBOT, or nothing" ;;
    esac
    shift
done
[[ $# -eq 1 ]] || wrong 'give the file of one backup; ls -la /var/backups/milkbot/daily/ lists them'
[[ $EUID -eq 0 ]] || wrong "run it as root (sudo $0 $1)"
[[ -r $1 ]] || fail "$1 cannot be read; ls -la /var/backups/milkbot/daily/ lists the backups"
file=$(readlink -f "$1")
cd / # runuser keeps the directory, which may be one that only root can enter
[[ -z $show ]] || exec "$scripts/inspect-backup.py" "$file"

"$scripts/inspect-backup.py" --check "$file" || fail "$file cannot be used"
take_lock "$(basename "$file")"
trap leave EXIT
before=$(id_of "$database")
drop_leftovers
remember_timers
hold_ticks
create_and_fill "$file" || fail "$file could not be restored; take another"
if [[ -n $upgrade_by ]]; then
    runuser -u "$owner" -- env POSTGRES_DB="$restored" "$upgrade_by" db upgrade || fail "$file could not be migrated; take another"
fi
halt "$file" || fail "trading could not be halted in what $file holds; take another"
hold_ticks # filling may have taken longer than the timers stay stopped
swap || fail "the databases could not be swapped; try again"
finished=yes
log "$database is now what $file holds; the one before is kept until: runuser -u postgres -- dropdb $kept"
drop_oldest_kept || true
record good "from $(basename "$file")"
release_ticks
log "trading is halted; look at: milkbot positions, and then: milkbot resume --reason ..."
