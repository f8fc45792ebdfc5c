#!/usr/bin/env bash
# restore-to-time.sh [--yes] [--repo N] [--dump-only] 'YYYY-MM-DD HH:MM:SS+00'
# restore-to-time.sh --cluster [--yes] [--repo N] ['YYYY-MM-DD HH:MM:SS+00']
# restore-to-time.sh --show
#
# Brings the database back to a moment, from pgBackRest's backups and their WAL:
# 1. It builds the cluster of that moment next to the running one, which goes on serving, and checks its database.
# 2. It makes a dump of that database, named by the moment. With --dump-only it ends here.
# 3. restore-database.sh shows what would be lost, and this script asks. After a yes the databases' names are swapped.
# --show prints which moments can be restored.
#
# --cluster is for a data directory that is lost or broken. The cluster of that moment, or of the last possible one, replaces
# it, with trading halted. The directory from before is kept as main.lost_TIME.
#
# It holds the lock of the host's deploys. Killed at any moment, it is run again, and removes what was left.
# Exit codes: 0 done · 1 failed, or nobody said yes · 2 wrong usage · 75 another run holds the lock
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
umask 077

# shellcheck source=deployment/scripts/backup-common.sh
source "$scripts/backup-common.sh"
# shellcheck source=deployment/scripts/restore-common.sh
source "$scripts/restore-common.sh"
# shellcheck source=deployment/scripts/cluster-at-time.sh
source "$scripts/cluster-at-time.sh"

settings=/etc/milkbot/pgbackrest.env
dumps=$backup_dir/to-time
kept_dumps=2
wal_lock=/run/lock/milkbot-wal.lock
DATA_DIR='' UNIT='' BIN_DIR=''
yes='' repository=1 dump_only='' cluster='' target='' now='' label='' file='' begun='' finished=''

# So that every moment until now can be restored: a commit after it, and its WAL in the archive.
archive_now() {
    local segment turn
    IFS='|' read -r now segment < <(
        sql postgres <<<"SELECT extract(epoch FROM clock_timestamp()) AS now \\gset
            SELECT pg_current_xact_id() \\g /dev/null
            SELECT :'now', pg_walfile_name(pg_switch_wal())"
    ) || {
        log 'PostgreSQL answered one query, and failed at the next; only what is in the archive can be restored'
        now=''
        return 0
    }
    for turn in {1..60}; do
        [[ $(sql postgres <<<"SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name = '$segment.ready'") != 0 ]] || return 0
        sleep "$((turn < 5 ? 0 : 1)).5"
    done
    log "the newest WAL does not arrive in the archive; only what is there can be restored (pg_stat_archiver says why)"
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
    refuse_without_room "$(jq .bytes <<<"$choice")"
    log "${target:-the last moment that can be restored}: from backup $label, and the WAL behind it"
}

# The dump and the new database come after the second cluster is removed, and are no larger together.
refuse_without_room() { # bytes of the cluster
    mkdir -p "$dumps"
    has_room "$(dirname "$DATA_DIR")" $(($1 + $1 / 2 + (1 << 30)))
    has_room "$dumps" $(($1 / 2 + (1 << 28)))
}

has_room() { # where, bytes
    local free
    free=$(free_bytes "$1")
    ((free >= $2)) || fail "$1 has $(in_mb "$free") free, this needs $(in_mb "$2"); make room, and try again"
}

# As backup-database.sh leaves one: under its final name only when it is whole, with its digest and its manifest.
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

forget_dumps() { # how many are kept
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
    systemctl start "$UNIT" || fail "PostgreSQL does not start; run: journalctl -u $UNIT"
    until is_live; do sleep 0.2; done
    finished=yes
    release_ticks
    systemctl start --no-block milkbot-wal@full.service # so that the new history has a beginning of its own
    log "the cluster is that of ${target:-the last moment that could be restored}; trading is halted; run: milkbot positions, and then: milkbot resume --reason ..."
}

# On every way out but SIGKILL.
leave() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    if [[ -z $finished ]]; then
        ((code)) || code=1
        # A cluster that is about to replace the lost one may be the only one.
        [[ -e $work/ready ]] || remove_side
        release_ticks
        [[ -z $begun ]] || record failed "to ${target:-the last moment}: ${reason:-see the output of restore-to-time.sh}" "${file:-$label}"
    fi
    free_lock
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
[[ -n $target || -n $cluster ]] || wrong "give a time: '2026-11-25 21:42:29+00'; --show prints which can be restored"
[[ -z $cluster || -z $dump_only ]] || wrong '--cluster and --dump-only exclude each other'
[[ $EUID -eq 0 ]] || wrong 'run it as root (sudo)'
[[ -r $settings ]] || fail "$settings is missing: point-in-time recovery is not set up here (pgbackrest_enabled)"
# shellcheck source=/dev/null
source "$settings"
work=$(dirname "$DATA_DIR")/milkbot-at-time
cd / # runuser keeps the directory, which may be one that only root can enter

take_lock "restore-to-time.sh $target"
trap leave EXIT
exec 8>"$wal_lock"
flock --wait 3600 8 || fail 'a backup of pgBackRest has run for an hour; nothing was changed; run: systemctl status "milkbot-wal@*"'

if [[ -e $work/ready && (! -e $DATA_DIR || ! -e $work/data) ]]; then
    [[ -n $cluster ]] || fail 'an earlier run was killed while a cluster was replaced; to finish it, run: restore-to-time.sh --cluster'
    target=$(<"$work/ready")
    log "an earlier run was killed while it put the cluster of $target in place; this run finishes it; for another moment run it again"
    begun=yes
    hand_over_cluster
else
    plan
    [[ -z $cluster ]] || ask "Shall the whole cluster, every database in it, become what it was at ${target:-the last moment that can be restored}?"
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
record good "to ${target:-the last moment}" "${file:-$label}"
[[ -z $dump_only ]] || printf '%s\n' "$file"
