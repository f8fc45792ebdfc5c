# shellcheck shell=bash
# What the restores share: the lock, the timers that are held, the halt, and the line in the history. Sourced after
# backup-common.sh, never run.

# The scripts that source this use them.
# shellcheck disable=SC2034
: "${scripts:?}" # the directory that this is in
home=/opt/milkbot stamp=$(date -u +%Y%m%d_%H%M%S)
lock_file=/run/lock/milkbot-deploy.json
running=() held='' own_lock=''

wrong() {
    echo "$(basename "$0"): $*" >&2
    exit 2
}

# A playbook that holds the lock says so by the run in its environment.
take_lock() { # purpose
    [[ -z ${MILKBOT_RUN:-} || $(jq --raw-output .run "$lock_file" 2>/dev/null) != "$MILKBOT_RUN" ]] || return 0
    MILKBOT_RUN=$("$scripts/deploy-lock.py" take --pid $$ --purpose "$1") || exit $?
    export MILKBOT_RUN # so that what this leaves working, should it be killed, can be found
    own_lock=yes
}

free_lock() { [[ -z $own_lock ]] || "$scripts/deploy-lock.py" free --run "$MILKBOT_RUN"; }

property_of() { systemctl show --property="$2" --value "$1"; } # unit, name

# On a host that is only being set up there are none yet.
installed_timers() {
    local timer
    for timer in milkbot-trader.timer milkbot-rollups.timer; do
        [[ $(property_of "$timer" LoadState) != loaded ]] || printf '%s\n' "$timer"
    done
}

# What ran, to be started again. A run that was killed left the timers stopped, and behind it what starts them.
remember_ticks() { # timers
    if systemctl is-active --quiet milkbot-resume.timer; then
        running=("$@")
    else
        mapfile -t running < <(systemctl list-units --plain --no-legend --state=active "$@" | cut -d' ' -f1)
    fi
}

# Stops the timers and waits for the tick that runs. Should this be killed, systemd starts them again after 15 minutes.
hold_ticks() {
    local timers timer
    mapfile -t timers < <(installed_timers)
    ((${#timers[@]})) || return 0
    [[ -n $held ]] || remember_ticks "${timers[@]}"
    held=yes
    if ((${#running[@]})) && ! systemctl is-active --quiet milkbot-resume.timer; then
        systemd-run --quiet --unit=milkbot-resume --description='Milkbot: start the timers that a restore left stopped' \
            --on-active=15min --timer-property=AccuracySec=1s --collect systemctl start "${running[@]}"
    fi
    systemctl stop "${timers[@]}"
    for timer in "${timers[@]}"; do
        while [[ $(property_of "${timer%.timer}.service" ActiveState) == activating ]]; do sleep 1; done
    done
}

release_ticks() {
    ((${#running[@]})) || return 0
    systemctl start "${running[@]}"
    systemctl stop milkbot-resume.timer
}

# Before a database is live, in every mode: so that at no moment trading goes on in it.
halting() { # reason; prints the SQL
    cat <<EOF_SQL
INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)
SELECT mode, 'halted', '$(tr -d "'\\\\" <<<"$1")', '$(basename "$0")', now()
FROM unnest(ARRAY['shadow', 'demo', 'live']) AS mode
EOF_SQL
}

# A playbook that restores writes its own line.
record() { # result, reason, backup
    [[ -n $own_lock ]] || return 0
    jq --null-input --compact-output --sort-keys --arg at "$(now)" --arg result "$1" --arg reason "$2" --arg backup "$3" \
        --arg release "$(basename "$(readlink "$home/current")")" --arg by "$("$scripts/deploy-lock.py" who)@$(hostname)" \
        '{at: $at, action: "restore", result: $result, release: $release, by: $by, backup: $backup, reason: $reason}' \
        >>"$home/deploys.jsonl"
}
