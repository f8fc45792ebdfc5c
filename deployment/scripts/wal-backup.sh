#!/usr/bin/env bash
# wal-backup.sh full|diff|incr|verify
#
# Has pgBackRest make a backup in each of its repositories, which the archived WAL then follows; or checks that the WAL
# arrives there, that every file of the repositories is what was written, and that no WAL is missing behind the newest
# backup. How it ended stands in the state file, which the health check reads.
# Exit codes: 0 done · 1 failed · 2 wrong usage · 75 another one is running, or a restore
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd / # runuser keeps the directory, which may be one that only root can enter

settings=/etc/milkbot/pgbackrest.env
lock=/run/lock/milkbot-wal.lock
REPOSITORIES=1

log() { printf '%s wal-backup: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2; }
pgbackrest() { runuser -u postgres -- pgbackrest --stanza=milkbot --log-level-console=info --log-level-stderr=off "$@" 9>&-; }

# What went wrong, for the state file: the first line that says it.
because() {
    { grep -E -m 1 'ERROR:|WARN:|invalid (checksum|size|result)|file missing' || echo 'it did not say why'; } | sed 's/^.* P[0-9]* *//' | cut -c1-300
}

newest_backup() {
    pgbackrest info --output=json 2>/dev/null | jq --raw-output '.[0].backup | max_by(.timestamp.stop) | .label // ""' || true
}

# `file` is the name of the newest backup.
record() { "$scripts/write-state.py" --job "$job" -- pgbackrest "$1" "$2" "$(newest_backup)" "$SECONDS"; } # result, reason

fail() {
    log "$job failed: $*"
    record failed "$*"
    exit 1
}

back_up() {
    local repository
    for repository in $REPOSITORIES; do
        pgbackrest --repo="$repository" --type="$job" backup 2>&1 | tee "$said" >&2 ||
            fail "repository $repository: $(because <"$said")"
    done
}

# verify exits with 0 whatever it finds, so only its own line that all is good counts.
verify() {
    local repository
    pgbackrest check 2>&1 | tee "$said" >&2 || fail "$(because <"$said")"
    for repository in $REPOSITORIES; do
        pgbackrest --repo="$repository" verify --output=text --verbose 2>&1 | tee "$said" >&2 ||
            fail "repository $repository: $(because <"$said")"
        if grep -q 'status: error' "$said" || ! grep -q 'status: ok' "$said"; then
            fail "repository $repository: $(because <"$said"); see journalctl -u milkbot-wal@verify"
        fi
        "$scripts/point-in-time.py" --check --repo "$repository" 2>"$said" ||
            fail "repository $repository: $(tail -n 1 "$said"); systemctl start milkbot-wal@full begins anew"
    done
}

job=${1:-}
case $job in
    full | diff | incr | verify) ;;
    *)
        echo "wal-backup.sh: kind is '$job'; give full, diff, incr or verify" >&2
        exit 2
        ;;
esac
[[ $EUID -eq 0 ]] || { echo "wal-backup.sh: run it as root (sudo $0 $*)" >&2; exit 2; }
# shellcheck source=/dev/null
[[ ! -r $settings ]] || source "$settings"

exec 9>"$lock"
flock --wait 600 9 || { log "another backup, or a restore, is running; this one ends"; exit 75; }
said=$(mktemp)
trap 'rm -f -- "$said"' EXIT
SECONDS=0
if [[ $job == verify ]]; then verify; else back_up; fi
record good ''
log "$job: $(newest_backup) in $SECONDS seconds"
