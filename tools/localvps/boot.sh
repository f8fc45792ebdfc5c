#!/bin/sh
# Runs one machine in the foreground: joins its layers in this private mount namespace (so the mount
# ends with the process, whatever ends it) and boots them; a reboot inside boots them again.
# Usage: boot.sh CGROUP|- OVERLAY_OPTIONS NSPAWN_ARGUMENT...   (in the machine's directory)
set -eu
cgroup=$1
options=$2
shift 2
rebooted=133 # what systemd-nspawn --keep-unit returns when the machine asks for a reboot

if [ "$cgroup" != - ]; then
    echo $$ >"$cgroup/cgroup.procs"
fi
mount -t overlay overlay -o "$options" root

child=
trap 'stop=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true' TERM INT
stop=
while [ -z "$stop" ]; do
    code=0
    systemd-nspawn --directory=root "$@" &
    child=$!
    wait "$child" || code=$?
    # A trapped signal ends `wait` early; the machine still has to shut down.
    while kill -0 "$child" 2>/dev/null; do
        wait "$child" || code=$?
    done
    [ "$code" -eq "$rebooted" ] || break
done
exit "$code"
