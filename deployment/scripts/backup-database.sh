#!/usr/bin/env bash
# backup-database.sh daily|weekly|monthly|pre-deploy
#
# Dumps the whole database into KIND/milkbot_YYYYMMDD_HHMMSS.sql.gz below the backup directory, its SHA-256 beside it, and
# prints the path. A backup gets its name only when it is complete, checked and on the disk. Older ones go only after a new
# one has come, so that the last good one never does.
# Exit codes: 0 done · 1 failed, nothing was published · 2 wrong usage · 75 another backup is running
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd / # runuser keeps the directory, which may be one that only root can enter
umask 077

database=milkbot
backup_dir=/var/backups/milkbot
settings=/etc/milkbot/backup.env
lock=/run/lock/milkbot-backup.lock
KEEP_DAILY=7 KEEP_WEEKLY=4 KEEP_MONTHLY=12 KEEP_PRE_DEPLOY=5

log() { printf '%s backup: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2; }
fail() { log "failed: $*"; exit 1; }

# shellcheck source=/dev/null
[[ ! -r $settings ]] || source "$settings"

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

exec 9>"$lock"
flock --nonblock 9 || { log "another backup is running; it was left alone"; exit 75; }

target_dir=$backup_dir/$kind
name=milkbot_$(date -u +%Y%m%d_%H%M%S).sql.gz
[[ -d $target_dir ]] || fail "$target_dir is missing; run site.yml --tags user"
[[ ! -e $target_dir/$name ]] || fail "$target_dir/$name exists already; try again in a second"
temporary=$(mktemp "$target_dir/.$name.XXXXXX")
trap 'rm -f -- "$temporary"' EXIT

runuser -u postgres -- pg_dump --dbname="$database" | gzip >"$temporary" ||
    fail "pg_dump of $database did not end well; see the line above"

# A dump that was cut before it was compressed is a perfect gzip file: only its last lines tell.
gunzip --stdout "$temporary" | tail -n 10 | grep -q '^-- PostgreSQL database dump complete' ||
    fail "the dump has no end; is the disk full? (df -h $backup_dir)"

digest=$(sha256sum "$temporary")
printf '%s  %s\n' "${digest%% *}" "$name" >"$target_dir/$name.sha256"
sync "$temporary" "$target_dir/$name.sha256"
mv -- "$temporary" "$target_dir/$name"
sync "$target_dir"
log "$kind: $target_dir/$name ($(stat --format=%s "$target_dir/$name") bytes)"

# The names sort by time. Whatever the setting says, the newest one stays.
((keep >= 1)) || keep=1
mapfile -t old < <(find "$target_dir" -maxdepth 1 -name 'milkbot_*.sql.gz' -printf '%f\n' | sort | head -n "-$keep")
for file in "${old[@]}"; do
    rm -f -- "$target_dir/$file" "$target_dir/$file.sha256"
    log "$kind: removed $file, $keep are kept"
done

printf '%s\n' "$target_dir/$name"
