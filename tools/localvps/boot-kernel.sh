#!/bin/sh
# Runs one machine with a kernel of its own in the foreground. Its first boot makes its disk: of the newest snapshot's,
# else of the joined layers, in this private mount namespace. QEMU itself boots again what reboots.
# Usage: boot-kernel.sh CGROUP|- OVERLAY_OPTIONS DISK_BELOW|- BRIDGE CABLE QEMU_ARGUMENT...   (in the machine's directory)
set -eu
cgroup=$1
options=$2
below=$3
bridge=$4
cable=$5
shift 5
disk=upper/disk.img
size=16G # sparse: it takes what is written

if [ "$cgroup" != - ]; then
    echo $$ >"$cgroup/cgroup.procs"
fi
if [ ! -e "$disk" ]; then
    rm -f disk.new
    if [ -e "$below" ]; then
        cp --sparse=always "$below" disk.new
    else
        mount -t overlay overlay -o "$options" root
        truncate --size="$size" disk.new
        mke2fs -q -t ext4 -d root disk.new
        umount root
    fi
    mv disk.new "$disk"
fi

ip link delete "$cable" 2>/dev/null || true
ip tuntap add dev "$cable" mode tap
ip link set "$cable" mtu "$(cat "/sys/class/net/$bridge/mtu")" master "$bridge" up

# Its power button is in QEMU's monitor.
rm -f monitor
mkfifo monitor
exec 3<>monitor
child=
trap '[ -z "$child" ] || echo system_powerdown >&3' TERM INT
qemu-system-x86_64 "$@" <&3 >/dev/null &
child=$!
code=0
wait "$child" || code=$?
# A trapped signal ends `wait` early; the machine still has to shut down.
while kill -0 "$child" 2>/dev/null; do
    wait "$child" || code=$?
done
exit "$code"
