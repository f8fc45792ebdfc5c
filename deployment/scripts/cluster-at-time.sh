# shellcheck shell=bash
# The cluster of a moment, next to the running one: built, replayed, proved and checked. Sourced by restore-to-time.sh, whose
# variables it uses; never run.
# shellcheck disable=SC2034,SC2154

port=5439 # of the socket in our own directory; nothing listens on an address

# What lives on when this is killed may not keep the lock of the backups.
as_postgres() { runuser -u postgres -- "$@" 8>&-; }
side_sql() { as_postgres psql -XqAt -v ON_ERROR_STOP=1 --host="$work" --port="$port" --dbname="${1:-$database}"; }
is_live() { [[ $(sql 2>/dev/null <<<'SELECT 1') == 1 ]]; }

remove_side() {
    [[ -e $work ]] || return 0
    [[ -e $work/mark || -z $(ls -A "$work") ]] || fail "$work was not made by this script; check what it is, and move it away"
    if [[ -e $work/data/postmaster.pid ]]; then
        as_postgres "$BIN_DIR/pg_ctl" --pgdata="$work/data" --mode=immediate --silent stop || true
    fi
    rm -rf -- "$work"
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

# What the lost cluster had not archived yet. PostgreSQL reads the archive first, and then this directory.
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
    local proof
    as_postgres "$BIN_DIR/pg_ctl" --pgdata="$work/data" --log="$work/log" --options="-c config_file=$work/postgresql.conf" --no-wait --silent start
    until [[ $(side_sql postgres 2>/dev/null <<<'SELECT pg_is_in_recovery()') == f ]]; do
        as_postgres "$BIN_DIR/pg_ctl" --pgdata="$work/data" status >/dev/null ||
            fail "$("$scripts/point-in-time.py" --died "$work/log" 2>&1)"
        sleep 0.2
    done
    proof=$("$scripts/point-in-time.py" --reached "$work/log" ${target:+"$target"} 2>&1) || fail "$proof"
    log "$proof"
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

# The recovery's settings may not go along, and the archive has to learn of the new timeline.
finish_side() {
    halting "cluster restored to ${target:-its last moment}" | side_sql ||
        fail "trading could not be halted in what was restored; take another moment"
    local name
    for name in restore_command archive_mode recovery_target_time recovery_target_action recovery_target_timeline recovery_target_inclusive; do
        side_sql <<<"ALTER SYSTEM RESET $name"
    done
    as_postgres "$BIN_DIR/pg_ctl" --pgdata="$work/data" --mode=fast --silent --timeout=3600 stop || fail "the second cluster does not stop; see $work/log"
    for name in "$work"/data/pg_wal/????????.history; do
        [[ ! -f $name ]] || as_postgres touch "$work/data/pg_wal/archive_status/$(basename "$name").ready"
    done
    printf '%s\n' "${target:-last}" >"$work/ready"
    sync "$work/ready" "$work"
}
