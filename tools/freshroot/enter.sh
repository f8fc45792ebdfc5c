#!/bin/bash
# Runs a command in a fresh root: enter.sh outside CGROUP NETWORK ROOT STATE RESULTS COMMAND... (called by cell.py).
# "outside" joins the control group and the namespaces, "inside" makes the mounts and changes the root.
set -euo pipefail

stage=$1
shift
if [ "$stage" = outside ]; then
    cgroup=$1 network=$2
    shift 2
    echo $$ >"$cgroup/cgroup.procs"
    exec nsenter --net="$network" -- unshare --mount --propagation private --cgroup --ipc --uts --pid --fork \
        --kill-child -- "${BASH_SOURCE[0]}" inside "$@"
fi

root=$1 state=$2 results=$3
shift 3
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
# Of this network namespace, and of this control group.
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
# One mount for the caches and the clone: uv links its files only within one.
mount --bind "$state/home" root
mount --bind "$state/apt" var/cache/apt/archives
mkdir -p var/cache/milkbot-vps root/milkbot/test-results old
mount --bind "$state/images" var/cache/milkbot-vps
mount --bind "$results" root/milkbot/test-results
if [ -n "${MILKBOT_SHARED_DATA:-}" ]; then
    mkdir -p root/shared/data
    mount --bind -o ro "$MILKBOT_SHARED_DATA" root/shared/data
    unset MILKBOT_SHARED_DATA
fi
pivot_root . old
umount --lazy /old
hostname "$(cat /etc/hostname)"
cd /root/milkbot
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# As a login does: where certificates are trusted beyond the distribution's, it says so to programs with their own.
set -a
if [ -f /etc/environment ]; then . /etc/environment; fi
set +a
# Not exec: this is process 1, which must wait for what others leave behind.
"$@" || exit $?
