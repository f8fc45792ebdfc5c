# shellcheck shell=bash
# What the backup's scripts share; sourced by them, never run.

# The scripts that source this use them.
# shellcheck disable=SC2034
database=milkbot backup_dir=/var/backups/milkbot state_dir=/var/lib/milkbot-backup
record_dir=/var/lib/milkbot-record
: "${scripts:?}" # the directory that this is in
backup_lock=$backup_dir/.lock
reserve=$backup_dir/.reserve
owner=milkbot owner_user=milkbot-owner
service_roles='milkbot_trader, milkbot_rollups, milkbot_api'

# What backup.env sets; these hold on a host that has none yet.
KEEP_DAILY=7 KEEP_WEEKLY=4 KEEP_MONTHLY=12 KEEP_PRE_DEPLOY=5
COMPRESSION_LEVEL=4 RESERVE_MB=256 WAIT_SECONDS=900
OFFSITE=no OFFSITE_TARGET='' OFFSITE_KINDS='daily weekly monthly' ENCRYPT=no
OFFSITE_KEEP_DAILY=30 OFFSITE_KEEP_WEEKLY=12 OFFSITE_KEEP_MONTHLY=36 OFFSITE_KEEP_PRE_DEPLOY=10
recipients=/etc/milkbot/backup-recipients
rclone_config=/etc/milkbot/backup-rclone.conf
# shellcheck source=/dev/null
[[ ! -r /etc/milkbot/backup.env ]] || source /etc/milkbot/backup.env

# How the script calls itself in the log.
program=$(basename "$0" .sh)
program=${program%-database}
program=${program%-backup}
reason=''

log() { printf '%s %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$program" "$*" >&2; }

fail() {
    reason=$*
    log "failed: $*"
    exit 1
}

as_postgres() { runuser -u postgres -- "$@"; }
sql() { as_postgres psql -XqAt -v ON_ERROR_STOP=1 --dbname="${1:-postgres}"; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
in_mb() { printf '%s MB' "$((($1 + 1048575) / 1048576))"; }
free_bytes() { df --output=avail --block-size=1 "$1" | tail -n 1 | tr -dc 0-9; }

write_state() { "$scripts/write-state.py" -- "$@"; } # name, result, reason, file, seconds, [name and value of one more field]

# One dump or migration at a time. What a killed run left working keeps the lock until it ends. A migration takes the same
# lock by flock(1), which leaves no name.
lock_backups() { # purpose
    exec 9>>"$backup_lock"
    if ! flock --nonblock 9; then
        log "waiting for $(holder)"
        flock --timeout "$WAIT_SECONDS" 9 || {
            reason="$(holder) did not end within $WAIT_SECONDS seconds"
            log "failed: $reason"
            exit 75
        }
    fi
    # A full disk takes no name; the lock holds without one.
    { printf '%s (process %s) since %s\n' "$1" $$ "$(now)" >"$backup_lock"; } 2>/dev/null || true
}

unlock_backups() {
    { : >"$backup_lock"; } 2>/dev/null || true
    exec 9>&-
}

holder() {
    local found=''
    read -r found <"$backup_lock" 2>/dev/null || true
    printf '%s' "${found:-a migration or a restore}"
}

# Every backup that has its manifest and the size that it says, of one kind or of all, the newest first.
good_backups() { # kind, or '' for all
    local path
    find "$backup_dir${1:+/$1}" -maxdepth 2 -not -path '*/.*' -name 'milkbot_*.sql.gz' -printf '%f\t%p\n' | sort --reverse | cut -f2 |
        while IFS= read -r path; do
            [[ $(jq .bytes "$path.json" 2>/dev/null) != "$(stat --format=%s "$path")" ]] || printf '%s\n' "$path"
        done
}

# rclone with the settings of this host, and an end to every wait for the remote. It writes what it learns of the remote
# (the sums it knows, a new token) into its settings: into a copy, or site.yml would change them back each time.
remote() {
    local own=$state_dir/rclone.conf
    if [[ ! $own -nt $rclone_config ]]; then
        install --mode=0600 "$rclone_config" "$own.new" && mv -- "$own.new" "$own" || return 1
    fi
    rclone --config "$own" --contimeout 15s --timeout 60s --retries 3 --low-level-retries 3 "$@"
}

refuse_without_offsite() {
    [[ $OFFSITE == yes && -n $OFFSITE_TARGET ]] || fail 'backups go nowhere off-site; set backup_offsite_enabled, then site.yml --tags backup'
    [[ -r $rclone_config ]] || fail "$rclone_config is missing; site.yml --tags backup"
}

# Every backup at the remote, the newest first: KIND/milkbot_YYYYMMDD_HHMMSS.tar[.age]
offsite_backups() { # kind, or '' for all
    remote lsf --recursive --files-only "$OFFSITE_TARGET" | grep --extended-regexp "^${1:-[a-z-]+}/milkbot_[0-9]{8}_[0-9]{6}\.tar(\.age)?$" |
        awk -F/ '{ print $2 "\t" $0 }' | sort --reverse | cut -f2
}
