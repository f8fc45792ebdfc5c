#!/usr/bin/env bash
# offsite-backup.sh
#
# Sends every good backup that the remote does not have yet, the newest first. Each is one file,
# KIND/milkbot_YYYYMMDD_HHMMSS.tar, with the dump, its manifest, its SHA-256 and its roles. Where recipients are set, it is
# encrypted before it leaves the host (.tar.age). It is read back and compared before it gets its name. Then the oldest files
# of the remote are removed; its numbers to keep are its own. The result is in /var/lib/milkbot-backup/offsite.json.
# Last come the days of the recording that are over, recording/YYYY-MM-DD.tar[.age], each once; none is removed there.
# backup-database.sh runs this script; an operator may run it too.
# Exit codes: 0 done · 1 failed, the local backups are untouched · 2 wrong usage · 75 another copy is under way
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
umask 077
# shellcheck source=deployment/scripts/backup-common.sh
source "$scripts/backup-common.sh"

began=$(date +%s.%N)
bundle='' newest='' complete=''
seconds() { jq --null-input --argjson began "$began" '(now - $began) * 10 | round / 10'; }

leave() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    [[ -z $bundle ]] || rm -f -- "$bundle"
    if [[ -z $complete ]]; then
        write_state offsite failed "${reason:-it ended with code $code; its last lines in /var/log/milkbot/backup.log say why}" '' "$(seconds)" ||
            log "$state_dir/offsite.json could not be written"
        ((code)) || code=1
    fi
    exit "$code"
}

encrypt() { if [[ $ENCRYPT == yes ]]; then as_postgres age --encrypt --recipients-file "$recipients"; else cat; fi; }

send() { # name there, bytes, directory, what of it
    local name=$1 size=$2 directory=$3 free there
    free=$(free_bytes "$backup_dir")
    ((free > size + 16777216)) || fail "$backup_dir has $(in_mb "$free") free, and a copy to send needs $(in_mb $((size + 16777216)))"
    bundle=$(mktemp "$backup_dir/.offsite.XXXXXX")
    tar --directory="$directory" --create --owner=0 --group=0 --file=- "${@:4}" |
        encrypt >"$bundle" || fail "$name could not be packed; the line above says why"
    remote copyto "$bundle" "$OFFSITE_TARGET/$name.part" || fail "$name could not be sent; the line above says why"
    there=$(remote cat "$OFFSITE_TARGET/$name.part" | sha256sum) || fail "$name could not be read back; the line above says why"
    [[ $there == "$(sha256sum <"$bundle")" ]] || fail "$name is there something else than what was sent; it is sent again next time"
    remote moveto "$OFFSITE_TARGET/$name.part" "$OFFSITE_TARGET/$name" || fail "$name could not be named; the line above says why"
    rm -f -- "$bundle"
    bundle=''
    log "sent $name ($size bytes)"
}

# Its parts alone: they are unpacked into the directory that one names.
send_backup() { # dump, name there
    local file=${1##*/}
    send "$2" "$(stat --format=%s "$1")" "${1%/*}" "$file" "$file.json" "$file.sha256" "$file.globals.sql"
}

keep_of() { # kind
    local name=OFFSITE_KEEP_${1^^}
    name=${name//-/_}
    ((${!name} >= 1)) && printf '%s' "${!name}" || printf 1
}

# What there is more than is kept there will not be sent to be removed again.
send_kind() { # kind
    local path name
    while IFS= read -r path; do
        name=$1/$(basename "$path" .sql.gz).$suffix
        [[ -n $newest ]] && [[ ${newest##*/} > ${name##*/} ]] || newest=$name
        grep --quiet --fixed-strings --line-regexp "$name" <<<"$there_before" || send_backup "$path" "$name"
    done < <(good_backups "$1" | sed "$(keep_of "$1")q")
}

# A day is over once its last hour is packed, which the recorder's first run of the next day does.
send_recording() {
    local day name sent
    sent=$(remote lsf --files-only "$OFFSITE_TARGET/recording" 2>>/dev/null || true)
    for day in "$record_dir"/????-??-??; do
        name=$(basename "$day").$suffix
        [[ -f $day/SHA256SUMS && $(basename "$day") < $(date --utc +%F) ]] || continue
        (($(wc --lines <"$day/SHA256SUMS") == $(find "$day" -name '*.jsonl.xz' | wc --lines))) || continue
        ! grep --quiet --fixed-strings --line-regexp "$name" <<<"$sent" || continue
        (cd "$day" && sha256sum --check --quiet SHA256SUMS) || fail "$day is damaged, and not sent; milkbot record verify"
        send "recording/$name" "$(du --bytes --summarize "$day" | cut --fields=1)" "$record_dir" "$(basename "$day")"
    done
}

remove_old() { # kind
    local name
    while IFS= read -r name; do
        remote deletefile "$OFFSITE_TARGET/$name" || fail "$name could not be removed there; the line above says why"
        log "removed $name there, $(keep_of "$1") are kept"
    done < <(offsite_backups "$1" | tail -n "+$(($(keep_of "$1") + 1))")
}

[[ $# -eq 0 ]] || { echo "offsite-backup.sh: '$1' is too much; it takes nothing" >&2; exit 2; }
[[ $EUID -eq 0 ]] || { echo "offsite-backup.sh: run it as root (sudo $0)" >&2; exit 2; }
cd / # runuser keeps the directory, which may be one that only root can enter
exec 8>>"$backup_dir/.offsite.lock"
flock --nonblock 8 || { log 'another copy is running; this one ends'; exit 75; }
trap leave EXIT
refuse_without_offsite
find "$backup_dir" -maxdepth 1 -name '.offsite.??????' -delete
remote mkdir "$OFFSITE_TARGET" || fail "$OFFSITE_TARGET cannot be reached; the line above says why"
remote delete --include '*.part' "$OFFSITE_TARGET" || fail "$OFFSITE_TARGET cannot be written to; the line above says why"
there_before=$(offsite_backups '' || true)
suffix=tar
[[ $ENCRYPT != yes ]] || suffix=tar.age
for kind in $OFFSITE_KINDS; do send_kind "$kind"; done
[[ -n $newest ]] || fail "there is no good backup to send; $scripts/backup-database.sh daily"
for kind in $OFFSITE_KINDS; do remove_old "$kind"; done
send_recording
complete=yes
write_state offsite good '' "$OFFSITE_TARGET/$newest" "$(seconds)" || log "$state_dir/offsite.json could not be written"
log "$OFFSITE_TARGET has every backup that is kept there"
