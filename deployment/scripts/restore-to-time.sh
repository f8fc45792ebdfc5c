#!/usr/bin/env bash
# restore-to-time.sh [--yes] [--repo N] [--dump-only] 'YYYY-MM-DD HH:MM:SS+00'
# restore-to-time.sh --cluster [--yes] [--repo N] ['YYYY-MM-DD HH:MM:SS+00']
# restore-to-time.sh --show
#
# Brings the database back to a moment, by pgBackRest's backups and the WAL behind them. The cluster of that moment is built
# beside the running one, which serves on; what was reached is proved, and the database checked. Then a dump of it, named by
# that moment, goes the way of every backup: restore-database.sh shows what would be lost, this asks, and the names are
# swapped. With --dump-only it ends with the dump. --show tells which moments can be had.
#
# With --cluster it is for a data directory that is lost or broken: the cluster of that moment, or of the last one that can
# be had, takes its place, with trading halted; what was there before is kept beside it as main.lost_TIME.
#
# It holds the lock of the host's deploys. Killed at any moment, it is run again, and removes what was left.
# Exit codes: 0 done · 1 failed, or nobody said yes · 2 wrong usage · 75 another run holds the lock
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
umask 077

database=milkbot
settings=/etc/milkbot/pgbackrest.env
dumps=/var/backups/milkbot/to-time
kept_dumps=2
wal_lock=/run/lock/milkbot-wal.lock
home=/opt/milkbot
timers=(milkbot-trader.timer milkbot-rollups.timer)
services=(milkbot-trader.service milkbot-rollups.service)
stamp=$(date -u +%Y%m%d_%H%M%S)
port=5439 # of the socket in our own directory; nothing listens on an address
DATA_DIR='' UNIT='' BIN_DIR=''

yes='' repository=1 dump_only='' cluster='' target='' now='' label='' file='' begun='' finished='' running=()

log() { printf '%s restore: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2; }
fail() { log "failed: $*"; exit 1; }
wrong() {
    echo "restore-to-time.sh: $*" >&2
    exit 2
}
# What lives on when this is killed may not keep the lock of the backups.
as_postgres() { runuser -u postgres -- "$@" 8>&-; }
sql() { as_postgres psql -XqAt -v ON_ERROR_STOP=1 --dbname=postgres; }
side_sql() { as_postgres psql -XqAt -v ON_ERROR_STOP=1 --host="$work" --port="$port" --dbname="${1:-$database}"; }
is_live() { [[ $(sql 2>/dev/null <<<'SELECT 1') == 1 ]]; }

remove_side() {
    [[ -e $work ]] || return 0
    [[ -e $work/mark || -z $(ls -A "$work") ]] || fail "$work is not what this script made; look what it is, and move it away"
    if [[ -e $work/data/postmaster.pid ]]; then
        as_postgres "$BIN_DIR/pg_ctl" --pgdata="$work/data" --mode=immediate --silent stop || true
    fi
    rm -rf -- "$work"
}

# So that every moment until now can be had: a commit after it, and its WAL in the archive.
archive_now() {
    local segment turn
    IFS='|' read -r now segment < <(
        sql <<<"SELECT extract(epoch FROM clock_timestamp()) AS now \\gset
            SELECT pg_current_xact_id() \\g /dev/null
            SELECT :'now', pg_walfile_name(pg_switch_wal())"
    )
    for turn in {1..60}; do
        [[ $(sql <<<"SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name = '$segment.ready'") != 0 ]] || return 0
        sleep "$((turn < 5 ? 0 : 1)).5"
    done
    log "the WAL of now does not arrive in the archive; only what is there can be had (pg_stat_archiver says why)"
    now=''
}

plan() {
    if is_live; then
        archive_now
    elif [[ -d $DATA_DIR/pg_wal ]]; then
        now=$(date +%s) # what was not archived lies there; PostgreSQL finds out how far it reaches
    fi
    local choice
    if [[ -n $target ]]; then
        choice=$("$scripts/point-in-time.py" --repo "$repository" ${now:+--now "$now"} "$target") || exit $?
    else
        choice=$("$scripts/point-in-time.py" --json --repo "$repository") || exit $?
        choice=$(jq --exit-status '.[-1].backups[-1]' <<<"$choice") || fail "there is no backup in repository $repository"
    fi
    target=$(jq --raw-output '.target // ""' <<<"$choice")
    label=$(jq --raw-output .label <<<"$choice")
    ask_for_room "$(jq .bytes <<<"$choice")"
    log "${target:-the last moment that can be had}: from backup $label, and the WAL behind it"
}

# The dump and the new database come after the copy beside has gone, and are no larger together.
ask_for_room() { # bytes of the cluster
    local need=$(($1 + $1 / 2 + (1 << 30))) free
    free=$(df --block-size=1 --output=avail "$(dirname "$DATA_DIR")" | tail -n 1)
    ((free >= need)) || fail "$(dirname "$DATA_DIR") has $((free >> 20)) MB free, this needs $((need >> 20)) MB; make room, and try again"
    mkdir -p "$dumps"
    free=$(df --block-size=1 --output=avail "$dumps" | tail -n 1)
    need=$(($1 / 2 + (1 << 28)))
    ((free >= need)) || fail "$dumps has $((free >> 20)) MB free, this needs $((need >> 20)) MB; make room, and try again"
}

build() {
    remove_side
    install -d -o postgres -g postgres -m 0700 "$work"
    touch "$work/mark"
    install -d -o postgres -g postgres -m 0700 "$work/data"
    local how=(--type=default)
    [[ -z $target ]] || how=(--type=time --target="$target" --target-action=promote)
    as_postgres pgbackrest --stanza=milkbot --repo="$repository" --pg1-path="$work/data" --set="$label" --archive-mode=off \
        --log-level-console=warn "${how[@]}" restore || fail "pgBackRest could not restore backup $label; see above"
    [[ -z $cluster ]] || is_live || keep_last_wal
    configure
}

# What the lost cluster had not archived yet. PostgreSQL asks the archive first, and then looks here.
keep_last_wal() {
    local path name
    for path in "$DATA_DIR"/pg_wal/????????????????????????; do
        name=$(basename "$path")
        [[ ! -f $path || -e $DATA_DIR/pg_wal/archive_status/$name.done ]] || cp --preserve=mode,ownership "$path" "$work/data/pg_wal/"
    done
}

# Nobody but us comes in, nothing is archived from it, and it need not be what the live one is to replay its WAL.
configure() {
    local sync=off
    [[ -z $cluster ]] || sync=on # else it is thrown away after the dump
    cat >"$work/pg_hba.conf" <<<'local all postgres peer'
    cat >"$work/postgresql.conf" <<EOF_CONF
data_directory = '$work/data'
hba_file = '$work/pg_hba.conf'
listen_addresses = ''
unix_socket_directories = '$work'
port = $port
archive_mode = off
hot_standby = off
autovacuum = off
fsync = $sync
max_prepared_transactions = $(as_postgres "$BIN_DIR/pg_controldata" "$work/data" | sed -n 's/^max_prepared_xacts setting: *//p')
lc_messages = 'C'
log_timezone = 'UTC'
log_line_prefix = '%m '
EOF_CONF
    chown postgres: "$work"/*.conf
}

recover() {
    as_postgres "$BIN_DIR/pg_ctl" --pgdata="$work/data" --log="$work/log" --options="-c config_file=$work/postgresql.conf" --no-wait --silent start
    until [[ $(side_sql postgres 2>/dev/null <<<'SELECT pg_is_in_recovery()') == f ]]; do
        as_postgres "$BIN_DIR/pg_ctl" --pgdata="$work/data" status >/dev/null || fail "the moment was not reached: $(why_not)"
        sleep 0.2
    done
    local last
    last=$(last_commit)
    if [[ -n $target ]]; then
        # Without this line it ended somewhere else than it was told.
        grep -q 'recovery stopping before \(commit\|abort\) of transaction' "$work/log" || fail "the moment was not reached: the WAL ended at ${last:-the backup}"
        [[ -z $last ]] || (($(date -d "$last" +%s%6N) <= $(date -d "$target" +%s%6N))) || fail "the moment was passed: the last commit is of $last"
    fi
    log "reached: the last commit is of ${last:-before the end of the backup}"
}

last_commit() { sed -n 's/.*last completed transaction was at log time //p' "$work/log" | tail -n 1; }

why_not() {
    local last
    last=$(last_commit)
    echo "$(grep -E 'FATAL|PANIC' "$work/log" | tail -n 1 | sed 's/^.*\(FATAL\|PANIC\): *//')${last:+; the last commit that can be had is of $last}"
}

# Its trees and rows, its schema, and every row of every table once.
check() {
    [[ -n $(side_sql postgres <<<"SELECT 1 FROM pg_database WHERE datname = '$database'") ]] || fail "there was no database $database at that moment"
    revision=$(side_sql <<<'SELECT version_num FROM ops.alembic_version') || fail "the database has no schema of ours at that moment; take another"
    side_sql <<<'CREATE SCHEMA milkbot_check'
    as_postgres "$BIN_DIR/pg_amcheck" --host="$work" --port="$port" --database="$database" --install-missing=milkbot_check --heapallindexed \
        --jobs=2 || fail "what backup $label holds is damaged; see above, and take an earlier moment or a dump"
    side_sql <<<'DROP SCHEMA milkbot_check CASCADE' 2>/dev/null
    counts=$(side_sql <<<"\\pset fieldsep '\\t'"$'\n'"\\i $scripts/count-tables.sql") ||
        fail "not every table can be read; see above, and take an earlier moment or a dump"
}

# As backup-database.sh leaves one: under its final name only when it is whole, its digest and its manifest beside it.
dump() {
    local name temporary began
    began=$(date +%s)
    name=milkbot_$(date -u -d "$target" +%Y%m%d_%H%M%S).sql.gz
    file=$dumps/$name
    rm -f -- "$dumps"/.*.partial
    temporary=$dumps/.$name.partial
    as_postgres pg_dump --host="$work" --port="$port" --dbname="$database" | gzip -1 >"$temporary" || fail "the database of that moment could not be dumped; see above"
    as_postgres "$scripts/describe-backup.py" --counts-fd=3 --file="$name" --kind=to-time --at="$(date -u -d "$target" +%Y-%m-%dT%H:%M:%SZ)" \
        --release="$(basename "$(readlink "$home/current")")" --server-version="$(side_sql <<<'SHOW server_version')" --database="$database" \
        --database-bytes="$(side_sql <<<"SELECT pg_database_size('$database')")" --began="$began" <"$temporary" 3<<<"$counts" >"$file.json" ||
        fail "the dump of that moment is not whole; is the disk full? (df -h $dumps)"
    jq --raw-output '"\(.sha256)  \(.file)"' "$file.json" >"$file.sha256"
    sync "$temporary" "$file.sha256" "$file.json"
    mv -- "$temporary" "$file"
    sync "$dumps"
    forget_dumps "$kept_dumps"
}

forget_dumps() { # how many stay
    local old
    for old in $(find "$dumps" -name 'milkbot_*.sql.gz' -printf '%T@ %p\n' | sort -n | head -n "-$1" | cut -d' ' -f2); do
        rm -f -- "$old" "$old.sha256" "$old.json"
    done
}

ask() {
    [[ -z $yes ]] || return 0
    local answer=''
    [[ ! -t 0 ]] || read -r -p "$1 Type yes: " answer
    [[ $answer == yes ]] || fail "nobody said yes (--yes says it); nothing was changed${file:+, and $file is kept}"
}

hand_over_database() {
    local live
    live=$(as_postgres psql -XqAt --dbname="$database" --command='SELECT version_num FROM ops.alembic_version' 2>/dev/null || true)
    "$scripts/restore-database.sh" --show "$file" >&2
    [[ -z $live || $live == "$revision" ]] ||
        fail "at that moment the schema was $revision, now it is $live; on the control node: rollback.yml --tags database,migrations -e backup=$file"
    ask "Shall $database become what it was at $target?"
    "$scripts/restore-database.sh" "$file" || fail "$file could not be restored; see above, and restore-database.sh $file tries again"
    forget_dumps 0
}

hold_ticks() {
    if systemctl is-active --quiet milkbot-resume.timer; then
        running=("${timers[@]}")
    else
        mapfile -t running < <(systemctl list-units --plain --no-legend --state=active "${timers[@]}" | cut -d' ' -f1)
        ((${#running[@]})) || return 0
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

# The recovery's settings may not go along, and the archive has to learn of the new timeline.
finish_side() {
    side_sql <<EOF_SQL || fail "trading could not be halted in what was restored; take another moment"
INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)
SELECT mode, 'halted', 'cluster restored to ${target:-its last moment}', 'restore-to-time.sh', now()
FROM unnest(ARRAY['shadow', 'demo', 'live']) AS mode
EOF_SQL
    local name
    for name in restore_command archive_mode recovery_target_time recovery_target_action recovery_target_timeline recovery_target_inclusive; do
        side_sql <<<"ALTER SYSTEM RESET $name"
    done
    as_postgres "$BIN_DIR/pg_ctl" --pgdata="$work/data" --mode=fast --silent --timeout=3600 stop || fail "the cluster beside does not stop; see $work/log"
    for name in "$work"/data/pg_wal/????????.history; do
        [[ ! -f $name ]] || as_postgres touch "$work/data/pg_wal/archive_status/$(basename "$name").ready"
    done
    printf '%s\n' "${target:-last}" >"$work/ready"
    sync "$work/ready" "$work"
}

hand_over_cluster() {
    hold_ticks
    if [[ -e $work/data ]]; then
        systemctl stop "$UNIT"
        if [[ -e $DATA_DIR ]]; then
            mv -- "$DATA_DIR" "$DATA_DIR.lost_$stamp"
            log "what was there before is kept as $DATA_DIR.lost_$stamp, until you remove it"
        fi
        mv -- "$work/data" "$DATA_DIR"
        sync "$(dirname "$DATA_DIR")"
    fi
    systemctl start "$UNIT" || fail "PostgreSQL does not start; journalctl -u $UNIT"
    until is_live; do sleep 0.2; done
    finished=yes
    release_ticks
    systemctl start --no-block milkbot-wal@full.service # so that the new history has a beginning of its own
    log "the cluster is that of ${target:-the last moment that could be had}; trading is halted: milkbot positions, and then milkbot resume --reason ..."
}

record() { # result, reason
    jq --null-input --compact-output --sort-keys --arg at "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --arg result "$1" --arg reason "$2" \
        --arg release "$(basename "$(readlink "$home/current")")" --arg by "${SUDO_USER:-root}@$(hostname)" --arg backup "${file:-$label}" \
        '{at: $at, action: "restore", result: $result, release: $release, by: $by, backup: $backup, reason: $reason}' >>"$home/deploys.jsonl"
}

# On every way out but SIGKILL.
leave() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    if [[ -z $finished ]]; then
        ((code)) || code=1
        # One that is about to take its place may be all that there is.
        [[ -e $work/ready ]] || remove_side
        release_ticks
        [[ -z $begun ]] || record failed "to ${target:-the last moment}: see the words of restore-to-time.sh"
    fi
    "$scripts/deploy-lock.py" free --run "$MILKBOT_RUN"
    exit "$code"
}

while [[ ${1:-} == -* ]]; do
    case $1 in
        --yes) yes=yes ;;
        --dump-only) dump_only=yes ;;
        --cluster) cluster=yes ;;
        --show) exec "$scripts/point-in-time.py" ;;
        --repo)
            repository=${2:-}
            [[ $repository =~ ^[1-9]$ ]] || wrong "--repo '$repository' is no number of a repository; 1 is on this host, 2 the second one"
            shift
            ;;
        *) wrong "'$1' is no option; give --yes, --repo N, --dump-only, --cluster or --show" ;;
    esac
    shift
done
[[ $# -le 1 ]] || wrong "give one time in quotes: '2026-11-25 21:42:29+00'"
target=${1:-}
[[ -n $target || -n $cluster ]] || wrong "give a time: '2026-11-25 21:42:29+00'; --show tells which can be had"
[[ -z $cluster || -z $dump_only ]] || wrong '--cluster and --dump-only exclude each other'
[[ $EUID -eq 0 ]] || wrong 'run it as root (sudo)'
[[ -r $settings ]] || fail "$settings is missing: point-in-time recovery is not set up here (pgbackrest_enabled)"
# shellcheck source=/dev/null
source "$settings"
work=$(dirname "$DATA_DIR")/milkbot-at-time
cd / # runuser keeps the directory, which may be one that only root can enter

MILKBOT_RUN=$("$scripts/deploy-lock.py" take --pid $$ --purpose "restore-to-time.sh $target") || exit $?
export MILKBOT_RUN # so that what this leaves working, should it be killed, can be found
trap leave EXIT
exec 8>"$wal_lock"
flock --wait 3600 8 || fail 'a backup of pgBackRest has been at work for an hour; look at it: systemctl status "milkbot-wal@*"'

if [[ -e $work/ready && (! -e $DATA_DIR || ! -e $work/data) ]]; then
    [[ -n $cluster ]] || fail 'an earlier run was killed while a cluster took its place; restore-to-time.sh --cluster ends that'
    target=$(<"$work/ready")
    log "an earlier run was killed while the cluster of $target took its place; this ends it, for another moment run it again then"
    begun=yes
    hand_over_cluster
else
    plan
    [[ -z $cluster ]] || ask "Shall the whole cluster, every database in it, become what it was at ${target:-the last moment that can be had}?"
    begun=yes
    build
    recover
    check
    if [[ -n $cluster ]]; then
        finish_side
        hand_over_cluster
    else
        dump
        remove_side
        if [[ -n $dump_only ]]; then log "$file holds the database of $target"; else hand_over_database; fi
    fi
fi
remove_side
finished=yes
record good "to ${target:-the last moment}"
[[ -z $dump_only ]] || printf '%s\n' "$file"
