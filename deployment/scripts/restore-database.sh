#!/usr/bin/env bash
# restore-database.sh [--upgrade-by MILKBOT] [--foreign] FILE
# restore-database.sh --swap-back milkbot_old_TIME
# restore-database.sh --show [--foreign] FILE
#
# Checks a backup against its manifest and restores it into a new database next to the running one. Checks that it is what
# was backed up: schema, rows of each table, constraints, indexes, pg_amcheck. Halts trading in it, and swaps the names; the
# earlier database is kept as milkbot_old_TIME. A backup that is broken, or of another schema than the running release's,
# changes nothing. No tick runs meanwhile. The exchange went on: check the account, and then run: milkbot resume --reason ...
# A database without a table, as a new host has it, is not kept, and its own rights and settings are those of the backup.
# --upgrade-by migrates the new database before the swap, by that release's command. --foreign takes a file without a
# manifest. --swap-back makes a kept database the running one again, in the same way. --show prints what would be lost.
#
# It takes the lock of the host's deploys, or works under the lock of the playbook that started it. Killed at any moment it
# leaves one whole database of that name; run again, it removes what was left. Should nobody do that, the timers start again
# after 15 minutes.
# Exit codes: 0 done · 1 failed · 2 wrong usage · 75 another run holds the lock
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
umask 077
# shellcheck source=deployment/scripts/backup-common.sh
source "$scripts/backup-common.sh"
# shellcheck source=deployment/scripts/restore-common.sh
source "$scripts/restore-common.sh"

kept_databases=2
restored=milkbot_restore_new # pg_hba.conf lets the owner into that one, to migrate it
kept=milkbot_old_$stamp
finished='' before='' unused='' older='' facts=''

id_of() { sql <<<"SELECT oid FROM pg_database WHERE datname = '$1'"; }

drop_leftovers() {
    local name
    for name in $(sql <<<"SELECT datname FROM pg_database WHERE datname LIKE 'milkbot\_restore\_%'"); do
        log "an earlier restore was killed; $name is removed"
        sql <<<"DROP DATABASE $name WITH (FORCE)"
    done
}

# A restore that fills the disk would stop the running database too. PostgreSQL keeps max_wal_size on top of the tables.
refuse_without_room() {
    local data wal needed free
    IFS=$'\t' read -r data wal < <(sql <<<"SELECT current_setting('data_directory') || E'\t' || pg_size_bytes(current_setting('max_wal_size'))")
    needed=$(jq --argjson wal "$wal" '.database_bytes * 1.1 + $wal | floor' <<<"$facts")
    free=$(free_bytes "$data")
    ((free >= needed)) || fail "$data has $(in_mb "$free") free and the restored database needs $(in_mb "$needed");" \
        "make room: drop a kept database (runuser -u postgres -- dropdb milkbot_old_TIME), or as a last resort: rm $reserve"
}

# A release runs on no schema but its own: an older one is migrated when that was asked for, a newer one never.
refuse_another_schema() { # what holds it
    local release=$home/current schema wanted
    [[ -z $upgrade_by ]] || release=${upgrade_by%/venv/bin/milkbot}
    release=$(readlink -f "$release")
    schema=$(jq --raw-output .schema <<<"$facts")
    wanted=$(jq --raw-output .schema "$release/release.json") ||
        fail "$release/release.json does not say which schema the release wants; install one: site.yml"
    [[ $schema != "$wanted" ]] || return 0
    grep --recursive --quiet --extended-regexp "^revision = [\"']${schema}[\"']" "$release/app/migrations/versions" ||
        fail "$1 holds the schema $schema, which release $(basename "$release") does not know; take another," \
            "go forward first (update.yml -e version=...), or back with the code (rollback.yml --tags code,database)"
    [[ -z $swap_back ]] ||
        fail "$1 holds the schema $schema, and release $(basename "$release") wants $wanted; go back in the code first: rollback.yml"
    [[ -n $upgrade_by ]] ||
        fail "$1 holds the schema $schema, and release $(basename "$release") wants $wanted; to migrate it forward:" \
            "restore-database.sh --upgrade-by $home/current/venv/bin/milkbot $1"
    older=yes
}

# Of a new host: nobody has stored anything, so there is no earlier state, and what belongs to the database itself is
# what the backup says of it.
is_unused() {
    [[ -n $before && $(sql "$database" <<<"SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384") == 0 ]]
}

# A role that is no longer, or not yet, here would be missed when its rights are restored.
restore_globals() {
    [[ -r $file.globals.sql ]] || return 0
    "$scripts/restore-globals.py" ${unused:+--properties} <"$file.globals.sql" | sql
}

create_and_fill() {
    restore_globals &&
        sql <<<"CREATE DATABASE $restored OWNER $owner TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'" &&
        gunzip --stdout "$1" |
        as_postgres env PGOPTIONS='-c maintenance_work_mem=256MB -c synchronous_commit=off' \
            psql -Xq -v ON_ERROR_STOP=1 --single-transaction --dbname="$restored" >/dev/null &&
        copy_properties
}

# What belongs to the database itself is not in the dump, and would remain with the one before: who may come in (without
# this, everybody), and its settings.
copy_properties() {
    sql <<<"REVOKE CONNECT, TEMPORARY ON DATABASE $restored FROM PUBLIC; GRANT CONNECT ON DATABASE $restored TO $service_roles" &&
        sql <<EOF_SQL
SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, '$restored', coalesce(quote_ident(rolname), 'PUBLIC'))
FROM pg_database CROSS JOIN aclexplode(datacl) LEFT JOIN pg_roles ON pg_roles.oid = grantee
WHERE datname = '$database' AND (grantee = 0 OR rolname IS NOT NULL)
\gexec
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', '$restored', datconnlimit) FROM pg_database WHERE datname = '$database'
\gexec
-- These hold lists that are quoted already.
SELECT format(
    'ALTER %s SET %I TO %s',
    coalesce('ROLE ' || quote_ident(rolname) || ' IN ', '') || 'DATABASE $restored',
    split_part(setting, '=', 1),
    CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
        THEN substr(setting, strpos(setting, '=') + 1) ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END
)
FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase LEFT JOIN pg_roles ON pg_roles.oid = setrole
CROSS JOIN unnest(setconfig) AS setting
WHERE datname = '$database'
\gexec
EOF_SQL
}

fill_new_database() {
    create_and_fill "$file" || fail "$file could not be restored; take another"
    as_postgres "$scripts/check-restored.py" "$restored" <<<"$facts" || fail "$file was restored, and is not what was backed up; take another"
    if [[ -n $older ]]; then
        runuser -u "$owner_user" -- env POSTGRES_HOST="${PGHOST:-/run/postgresql}" POSTGRES_DB="$restored" "$upgrade_by" db upgrade || fail "$file could not be migrated; take another"
    fi
}

# The first rename locks the name, so that new sessions wait, and gives the old ones five seconds to end; meanwhile they
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

# On every way out but SIGKILL.
leave() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    if [[ -z $finished ]]; then
        ((code)) || code=1
        # What is still swapping, or filling, has ended after this. A kept database remains.
        [[ -n $swap_back ]] || sql 2>/dev/null <<<"DROP DATABASE IF EXISTS $restored WITH (FORCE)" ||
            log "the new database remains; to remove it: runuser -u postgres -- dropdb $restored"
        if [[ $(id_of "$database") == "$before" ]]; then
            log "nothing was changed: $database is the one from before"
        else
            log "$database is what ${swap_back:-$file} holds, although this ended early"
        fi
        record failed "${reason:-see the output of restore-database.sh}" "${swap_back:-$file}"
        release_ticks
    fi
    free_lock
    exit "$code"
}

upgrade_by='' show='' swap_back='' foreign=() file=''
while [[ ${1:-} == -* ]]; do
    case $1 in
        --show) show=yes ;;
        --foreign) foreign=(--foreign) ;;
        --upgrade-by)
            upgrade_by=${2:-}
            [[ -x $upgrade_by ]] || wrong "--upgrade-by '$upgrade_by' is no program; give a release's venv/bin/milkbot"
            shift
            ;;
        --swap-back)
            swap_back=${2:-}
            [[ $swap_back =~ ^milkbot_old_[0-9]{8}_[0-9]{6}$ ]] ||
                wrong "--swap-back '$swap_back' is no kept database; list them: runuser -u postgres -- psql --list"
            shift
            ;;
        *) wrong "'$1' is no option; give --show, --foreign, --upgrade-by MILKBOT, --swap-back DATABASE, or nothing" ;;
    esac
    shift
done
if [[ -n $swap_back ]]; then
    [[ $# -eq 0 && -z $show$upgrade_by ]] || wrong '--swap-back takes a kept database and nothing else'
    [[ $EUID -eq 0 ]] || wrong "run it as root (sudo $0 --swap-back $swap_back)"
else
    [[ $# -eq 1 ]] || wrong 'give the file of one backup; ls -la /var/backups/milkbot/daily/ lists them'
    [[ $EUID -eq 0 ]] || wrong "run it as root (sudo $0 $1)"
    [[ -r $1 ]] || fail "$1 cannot be read; ls -la /var/backups/milkbot/daily/ lists the backups"
    file=$(readlink -f "$1")
fi
cd / # runuser keeps the directory, which may be one that only root can enter
[[ -z $show ]] || exec "$scripts/inspect-backup.py" "${foreign[@]}" "$file"

if [[ -n $swap_back ]]; then
    restored=$swap_back
    source_shown="swapped back to $swap_back"
else
    facts=$("$scripts/inspect-backup.py" --facts "${foreign[@]}" "$file") || fail "$file cannot be used"
    source_shown="restored from $(basename "$file")"
    refuse_another_schema "$file"
fi
take_lock "restore-database.sh ${swap_back:-$(basename "$file")}"
trap leave EXIT
before=$(id_of "$database")
! is_unused || unused=yes
drop_leftovers
if [[ -n $swap_back ]]; then
    [[ -n $(id_of "$swap_back") ]] || fail "there is no database $swap_back; list them: runuser -u postgres -- psql --list"
    facts=$(jq --null-input --arg schema "$(sql "$swap_back" <<<'SELECT version_num FROM ops.alembic_version')" '{schema: $schema}')
    refuse_another_schema "$swap_back"
    hold_ticks
else
    refuse_without_room
    hold_ticks
    fill_new_database
fi
halting "$source_shown" | sql "$restored" || fail "trading could not be halted in $restored; take another"
# A dump of the database that goes would die by the swap.
lock_backups "restore-database.sh"
hold_ticks # all that may have taken longer than the timers remain stopped
swap || fail "the databases could not be swapped; try again"
finished=yes
unlock_backups
log "$database is now what ${swap_back:-$file} holds"
if [[ -n $unused ]]; then
    sql <<<"DROP DATABASE $kept WITH (FORCE)" || log "remove the earlier database, which is empty: runuser -u postgres -- dropdb $kept"
else
    log "the earlier database is kept as $kept; to remove it: runuser -u postgres -- dropdb $kept; to go back to it: $scripts/restore-database.sh --swap-back $kept"
fi
drop_oldest_kept || true
record good "${source_shown#restored }" "${swap_back:-$file}"
release_ticks
log "trading is halted; run: milkbot positions, and then: milkbot resume --reason ..."
