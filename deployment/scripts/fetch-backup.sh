#!/usr/bin/env bash
# fetch-backup.sh --list
# fetch-backup.sh [--identity FILE|-] [NAME]
#
# Fetches a backup from the remote, by its name there or the newest of all, into /var/backups/milkbot/KIND, and prints
# its path. It is checked as restore-database.sh checks it before it gets its name. An encrypted one needs the age identity
# whose recipient it was made for: the host has none, so bring it for this once (/run is gone with the next reboot), or give
# - and the identity's text on standard input, so that it never lies on a disk.
# A new host needs nothing for it but what site.yml --tags backup installs.
# Exit codes: 0 done · 1 failed, nothing was left · 2 wrong usage
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
umask 077
# shellcheck source=deployment/scripts/backup-common.sh
source "$scripts/backup-common.sh"

wrong() {
    echo "fetch-backup.sh: $*" >&2
    exit 2
}

decrypt() {
    case $name in
        *.age)
            if [[ $identity == - ]]; then
                age --decrypt --identity <(printf '%s\n' "$given")
            else
                age --decrypt --identity "$identity"
            fi
            ;;
        *) cat ;;
    esac
}

identity='' given='' list=''
while [[ ${1:-} == -* ]]; do
    case $1 in
        --list) list=yes ;;
        --identity)
            identity=${2:-}
            [[ $identity == - || -r $identity ]] ||
                wrong "--identity '$identity' cannot be read; give the file that age-keygen wrote, or - for standard input"
            shift
            ;;
        *) wrong "'$1' is no option; give --list, --identity FILE, or nothing" ;;
    esac
    shift
done
[[ $# -le 1 ]] || wrong 'give the name of one backup; --list shows them'
[[ $EUID -eq 0 ]] || wrong "run it as root (sudo $0 $*)"
case $identity in
    '') ;;
    -)
        given=$(cat)
        [[ -n $given ]] || wrong '--identity -: nothing came on standard input; give the text that age-keygen wrote'
        ;;
    *) identity=$(readlink -f "$identity") ;;
esac
cd / # runuser keeps the directory, which may be one that only root can enter
refuse_without_offsite
known=$(offsite_backups '') || fail "there is no backup at $OFFSITE_TARGET, or it cannot be reached"
[[ -z $list ]] || { printf '%s\n' "$known"; exit 0; }

name=${1:-$(sed -n 1p <<<"$known")}
grep --quiet --fixed-strings --line-regexp -e "$name" <<<"$known" || fail "there is no $name at $OFFSITE_TARGET; --list shows what is"
[[ $name != *.age || -n $identity ]] || fail "$name is encrypted; give the identity: --identity FILE"
target_dir=$backup_dir/${name%/*}
file=$(basename "${name%.age}" .tar).sql.gz
mkdir -p "$target_dir"
exec 8>>"$backup_dir/.fetch.lock"
flock --nonblock 8 || fail 'another fetch is under way; wait for it'
find "$backup_dir" -mindepth 2 -maxdepth 2 -name '.fetch_*' -exec rm -rf -- {} + # of one that was killed
if [[ -e $target_dir/$file ]]; then
    "$scripts/inspect-backup.py" --check "$target_dir/$file" || fail "$target_dir/$file is here already, and broken; remove it"
    log "$target_dir/$file is here already"
    printf '%s\n' "$target_dir/$file"
    exit 0
fi
work=$(mktemp --directory "$target_dir/.fetch_XXXXXX")
trap 'rm -rf -- "$work"' EXIT
remote cat "$OFFSITE_TARGET/$name" | decrypt |
    tar --directory="$work" --extract --no-same-owner --file=- "$file" "$file.json" "$file.sha256" "$file.globals.sql" ||
    fail "$name could not be fetched; the line above says why"
"$scripts/inspect-backup.py" --check "$work/$file" || fail "$name cannot be used; fetch another"
sync "$work"/*
# The dump's name comes last, as when it was made.
mv -- "$work/$file.globals.sql" "$work/$file.sha256" "$work/$file.json" "$target_dir/"
mv -- "$work/$file" "$target_dir/$file"
sync "$target_dir"
log "fetched $target_dir/$file"
printf '%s\n' "$target_dir/$file"
