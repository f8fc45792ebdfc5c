#!/usr/bin/env bash
# restore-drill.sh [FILE]
#
# Proves that the newest backup, or FILE, can be restored, on a separate PostgreSQL. That server begins empty, so roles and the
# database's own properties are restored too, and it cannot slow or stop the running one. Checks what restore-database.sh
# checks, and the invariants of the ledger (books-invariants.sql). Then removes all of it. The result is in
# /var/lib/milkbot-backup/drill.json.
# milkbot-restore-drill.timer runs it every week. Killed at any moment, the next run removes what was left.
# Exit codes: 0 proved · 1 not · 2 wrong usage · 75 another drill is running
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
umask 077
# shellcheck source=deployment/scripts/backup-common.sh
source "$scripts/backup-common.sh"

drill=$state_dir/drill
export PGHOST=$drill PGPORT=5432
began=$(date +%s.%N)
file='' taken_at='' proved='' programs=''
seconds() { jq --null-input --argjson began "$began" '(now - $began) * 10 | round / 10'; }

# Also what a run that was killed left: its server may still be working.
clear_away() {
    local server
    if [[ -s $drill/data/postmaster.pid ]]; then
        server=$(head -n 1 "$drill/data/postmaster.pid")
        # The number may be somebody else's by now.
        while [[ $(readlink "/proc/$server/cwd") == "$drill/data" ]]; do
            kill -QUIT "$server" 2>/dev/null || true
            sleep 0.2
        done
    fi
    rm -rf -- "$drill"
}

leave() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    clear_away
    if [[ -z $proved ]]; then
        write_state drill failed "${reason:-it ended with code $code; journalctl -u milkbot-restore-drill says why}" "$file" "$(seconds)" taken_at ||
            log "$state_dir/drill.json could not be written"
        ((code)) || code=1
    fi
    exit "$code"
}

# Tables, indexes, and as much again of the log as PostgreSQL keeps; what remains free is the running database's.
refuse_without_room() {
    local needed free
    needed=$(jq '.database_bytes * 1.3 + 512 * 1048576 | floor' <<<"$facts")
    free=$(free_bytes "$state_dir")
    ((free >= needed)) || fail "$state_dir has $(in_mb "$free") free and the drill needs $(in_mb "$needed"); make room (du -xh --max-depth=2 /var | sort -h)"
}

# Nothing of it has to outlive a crash, and its unit forbids the compiled queries that large tables ask for
# (MemoryDenyWriteExecute). It does not inherit the lock: the next drill ends it.
start_server() {
    install --directory --owner=postgres --group=postgres --mode=0700 "$drill"
    as_postgres "$programs/initdb" --pgdata="$drill/data" --auth=trust --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-sync >/dev/null ||
        fail 'the server of the drill could not be made; the line above says why'
    as_postgres tee -a "$drill/data/postgresql.conf" >/dev/null <<EOF_CONF
listen_addresses = ''
unix_socket_directories = '$drill'
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 512MB
maintenance_work_mem = 256MB
jit = off
EOF_CONF
    as_postgres "$programs/pg_ctl" --pgdata="$drill/data" --wait --log="$drill/server.log" start 8>&- >/dev/null ||
        fail "the server of the drill did not start: $(tail -n 1 "$drill/server.log")"
}

restore() {
    as_postgres psql -Xq -v ON_ERROR_STOP=1 --dbname=postgres <"${file}.globals.sql" >/dev/null ||
        fail "the roles and the database of $file could not be restored; the line above says why"
    gunzip --stdout "$file" |
        as_postgres psql -Xq -v ON_ERROR_STOP=1 --single-transaction --dbname="$database" >/dev/null ||
        fail "$file could not be restored; the line above says why"
}

[[ $# -le 1 && ${1:-} != -* ]] || { echo 'restore-drill.sh: give one backup, or nothing for the newest' >&2; exit 2; }
[[ $EUID -eq 0 ]] || { echo "restore-drill.sh: run it as root (sudo $0 $*)" >&2; exit 2; }
cd / # runuser keeps the directory, which may be one that only root can enter
mkdir -p "$state_dir"
exec 8>>"$backup_dir/.drill.lock"
flock --timeout 60 8 || { log 'another drill is running; this one ends'; exit 75; }
trap leave EXIT
clear_away
file=${1:-$(good_backups '' | sed -n 1p)}
[[ -n $file ]] || fail "there is no backup with a manifest below $backup_dir; $scripts/backup-database.sh daily"
file=$(readlink -f "$file")
facts=$("$scripts/inspect-backup.py" --facts "$file" 2>&1) || fail "$facts"
taken_at=$(jq --raw-output .at <<<"$facts")
programs=/usr/lib/postgresql/$(jq --raw-output '.server_version | split(".")[0]' "$file.json")/bin
[[ -x $programs/initdb ]] || fail "$file is of a PostgreSQL that is not installed ($programs); apt-get install it"
refuse_without_room
start_server
restore
said=$(as_postgres "$scripts/check-restored.py" --books "$database" <<<"$facts" 2>&1) || fail "$file is not proved: $said"
proved=yes
write_state drill good '' "$file" "$(seconds)" taken_at "$taken_at"
log "$file is proved: restored and checked in $(seconds) s"
# What the timer's last run came to says nothing any more.
systemctl reset-failed milkbot-restore-drill.service 2>/dev/null || true
