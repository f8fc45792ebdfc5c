#!/usr/bin/env bash
# backup-database.sh daily|weekly|monthly|pre-deploy
#
# Dumps the whole database into KIND/milkbot_YYYYMMDD_HHMMSS.sql.gz below the backup directory and prints the path. Each dump
# has a manifest (.json), its SHA-256 (.sha256), and the roles and the database's own properties (.globals.sql). A backup
# gets its name only when every byte was read back from the disk, the dump has its end, and each table has the rows that it
# had in the dump's own snapshot. Older ones are removed only after a new one is complete.
# The result is in /var/lib/milkbot-backup/KIND.json. Where there is a remote (off-site), the backup is then sent there.
# Exit codes: 0 done · 1 failed, nothing was published · 2 wrong usage · 75 another backup or a migration did not end
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
umask 077
# shellcheck source=deployment/scripts/backup-common.sh
source "$scripts/backup-common.sh"
cd / # runuser keeps the directory, which may be one that only root can enter

case ${1:-} in
    daily) keep=$KEEP_DAILY ;;
    weekly) keep=$KEEP_WEEKLY ;;
    monthly) keep=$KEEP_MONTHLY ;;
    pre-deploy) keep=$KEEP_PRE_DEPLOY ;;
    *)
        echo "backup-database.sh: kind is '${1:-}'; give daily, weekly, monthly or pre-deploy" >&2
        exit 2
        ;;
esac
kind=$1
[[ $EUID -eq 0 ]] || { echo "backup-database.sh: run it as root (sudo $0 $*)" >&2; exit 2; }

target_dir=$backup_dir/$kind
began=$(date +%s.%N)
name='' work='' published=''
perhaps_full="the line above says why, most often a full disk (df -h $backup_dir; df -i $backup_dir)"
seconds() { jq --null-input --argjson began "$began" '(now - $began) * 10 | round / 10'; }

leave() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    [[ -z $work ]] || rm -rf -- "$work"
    if [[ -z $published ]]; then
        # The other files of a backup came before it.
        [[ -z $work ]] || rm -f -- "$target_dir/$name".{globals.sql,sha256,json}
        write_state "$kind" failed "${reason:-it ended with code $code; its last lines in /var/log/milkbot/backup.log say why}" '' "$(seconds)" ||
            log "$state_dir/$kind.json could not be written"
        ((code)) || code=1
    fi
    exit "$code"
}

# What a killed run left: its work, and the other files of a backup that never got its name.
remove_leftovers() {
    local path
    find "$backup_dir" -mindepth 2 -maxdepth 2 -name '.milkbot_*' -exec rm -rf -- {} +
    find "$target_dir" -maxdepth 1 -name 'milkbot_*.sql.gz.*' | while IFS= read -r path; do
        [[ -e ${path%%.sql.gz.*}.sql.gz ]] || rm -f -- "$path"
    done
}

# It frees a full disk: rm /var/backups/milkbot/.reserve
keep_reserve() {
    local wanted=$((RESERVE_MB * 1048576)) has=0
    [[ ! -e $reserve ]] || has=$(stat --format=%s "$reserve")
    ((has != wanted)) || return 0
    rm -f -- "$reserve"
    ((wanted > 0)) || return 0
    if (($(free_bytes "$backup_dir") < 3 * wanted)) || ! fallocate --length "$wanted" "$reserve.new"; then
        rm -f -- "$reserve.new"
        log "there is no room for the reserve of $RESERVE_MB MB; it is tried again by the next backup"
        return 0
    fi
    mv -- "$reserve.new" "$reserve"
}

# As large as the last one, grown as the database did since; a quarter more for what is not known.
refuse_without_room() {
    local last expected free
    last=$(good_backups '' | sed -n 1p)
    if [[ -n $last ]]; then
        expected=$(jq --argjson now "$database_bytes" '.bytes * ([1, $now / .database_bytes] | max) | floor' "$last.json")
    else
        expected=$((database_bytes / 3))
    fi
    expected=$((expected + expected / 4 + 1048576))
    free=$(free_bytes "$target_dir")
    ((free >= expected)) || fail "$target_dir has $(in_mb "$free") free and this backup may need $(in_mb "$expected");" \
        "make room (du -xh --max-depth=2 /var | sort -h), or as a last resort: rm $reserve"
}

# One transaction keeps the snapshot that the dump is made of, counts its tables, and keeps migrations from them.
open_snapshot() {
    mkfifo "$work/questions" "$work/answers" || fail "the backup could not be begun; $perhaps_full"
    as_postgres env PGOPTIONS='-c idle_in_transaction_session_timeout=0 -c statement_timeout=0 -c max_parallel_workers_per_gather=0' \
        psql -XqAt -F $'\t' -v ON_ERROR_STOP=1 --dbname="$database" <"$work/questions" >"$work/answers" 2>&1 &
    snapshot_process=$!
    exec 7>"$work/questions" 8<"$work/answers"
    printf '%s\n' 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;' 'SELECT pg_export_snapshot();' >&7
    read -r -t 60 snapshot <&8 || snapshot='no answer within a minute'
    [[ $snapshot =~ ^[0-9A-F]+-[0-9A-F]+-[0-9]+$ ]] || fail "$database gave no snapshot ($snapshot); run: systemctl status postgresql"
    printf '%s\n' "\\i $scripts/count-tables.sql" '\echo' >&7
}

read_counts() {
    local line counted=''
    while IFS= read -r -t 3600 line <&8 && [[ -n $line ]]; do counted+=$line$'\n'; done
    exec 7>&-
    wait "$snapshot_process" || fail "the tables could not be counted: $(tail -n 1 <<<"${counted%$'\n'}")"
    printf '%s' "$counted" >"$work/counts" || fail "the rows of each table could not be written down; $perhaps_full"
}

dump() {
    as_postgres pg_dump --snapshot="$snapshot" --lock-wait-timeout=60s --dbname="$database" |
        as_postgres pigz "-$COMPRESSION_LEVEL" --no-name >"$work/dump" ||
        fail "the dump of $database failed; $perhaps_full"
}

# The roles without their passwords, which site.yml sets again, and what belongs to the database itself. pg_dump does not
# check whether the last that it writes into a file arrives there; cat does.
write_globals() {
    {
        as_postgres pg_dumpall --globals-only --no-role-passwords | grep --invert-match '^CREATE ROLE postgres;$' &&
            as_postgres pg_dump --create --schema-only --exclude-schema='*' --dbname="$database"
    } | cat >"$work/globals" || fail "the roles of $database could not be written; $perhaps_full"
}

describe() {
    as_postgres "$scripts/describe-backup.py" --counts-fd=3 --file="$name" --kind="$kind" --at="$at" \
        --release="$(basename "$(readlink /opt/milkbot/current || true)")" --server-version="$server_version" \
        --database="$database" --database-bytes="$database_bytes" --began="$began" \
        <"$work/dump" 3<"$work/counts" >"$work/manifest" ||
        fail "what was written is no backup; $perhaps_full"
}

# The dump's name comes last: a backup that has it is whole, with its other files.
publish() {
    local part
    jq --raw-output '"\(.sha256)  \(.file)"' "$work/manifest" >"$work/sha256" || fail "the SHA-256 of the backup could not be written; $perhaps_full"
    sync "$work/globals" "$work/manifest" "$work/sha256" || fail "the backup could not be written to the disk; $perhaps_full"
    for part in globals:.globals.sql sha256:.sha256 manifest:.json dump:; do
        mv -- "$work/${part%%:*}" "$target_dir/$name${part#*:}" || fail "the backup could not be given its name; $perhaps_full"
    done
    sync "$target_dir"
}

# The names sort by time. The newest good one is always kept; what has no manifest does not count.
remove_old() {
    local path
    ((keep >= 1)) || keep=1
    good_backups "$kind" | tail -n "+$((keep + 1))" | while IFS= read -r path; do
        rm -f -- "$path" "$path.sha256" "$path.globals.sql" "$path.json"
        log "$kind: removed $(basename "$path"), $keep are kept"
    done
}

# It has all night; the platform comes first.
{ renice --priority 15 --pid $$ && ionice --class best-effort --classdata 7 --pid $$; } >/dev/null ||
    log 'it could not be put behind the platform, and works at full speed'
trap leave EXIT
[[ -d $target_dir ]] || fail "$target_dir is missing; run site.yml --tags user"
lock_backups "backup-database.sh $kind"
remove_leftovers
keep_reserve
IFS=$'\t' read -r database_bytes server_version < <(
    sql "$database" <<<"SELECT pg_database_size('$database') || E'\t' || current_setting('server_version')"
) || fail "$database does not answer; run: systemctl status postgresql"
refuse_without_room
# Names contain the second, and the one before may be of this one.
while [[ -z $name || -e $target_dir/$name ]]; do
    [[ -z $name ]] || sleep 0.2
    at=$(now)
    name=milkbot_$(tr -dc 0-9TZ <<<"$at" | sed 's/^\(.*\)T\(.*\)Z$/\1_\2/').sql.gz
done
work=$(mktemp --directory "$target_dir/.$name.XXXXXX") || fail "the backup could not be begun; $perhaps_full"
open_snapshot
dump
read_counts
write_globals
sync "$work/dump" || fail "$work/dump could not be written to the disk; $perhaps_full"
describe
publish
published=yes
log "$kind: $target_dir/$name ($(stat --format=%s "$target_dir/$name") bytes, $(seconds) s)"
write_state "$kind" good '' "$target_dir/$name" "$(seconds)" || log "$state_dir/$kind.json could not be written"
remove_old
unlock_backups
printf '%s\n' "$target_dir/$name"

# It is a backup whether or not the copy succeeds: that has a state of its own.
if [[ $OFFSITE == yes && " $OFFSITE_KINDS " == *" $kind "* ]]; then
    "$scripts/offsite-backup.sh" >&2 || log 'the off-site copy failed; the next backup tries again'
fi
