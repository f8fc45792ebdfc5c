"""Memory and clock."""

from __future__ import annotations

import re

from milkbot_hostcheck.checks.machine import available_memory
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import Diagnosis, judge

# A reply names its second only, and takes its time.
_DATE_SECONDS = 1.0


@judge()
def out_of_memory(collection: Collection) -> Diagnosis | None:
    killed = [name for name, unit in collection.units().items() if unit.get("Result") == "oom-kill"]
    said = collection.lines("journal/last-runs", r"oom-kill|killed by the OOM killer|Out of memory")
    said += collection.lines("journal/kernel-trouble", r"oom-kill|Out of memory")
    counted = collection.lines("memory/control-groups", r"oom_kill [1-9]")
    memory = available_memory(collection.text("memory/meminfo"))
    free, scarce = memory and memory[0] / memory[1], collection.limit("memory_fail_percent") / 100
    if not (killed or said or counted or (free is not None and free < scarce)):
        return None
    evidence = (
        [f"{name}: its last run ended by the kernel (Result=oom-kill)" for name in killed] + said[-2:] + counted[:1]
    )
    if free is not None and free < scarce:
        evidence.append(f"{free:.0%} of the memory is available")
    limits = [
        f"{name} may hold {unit['MemoryMax']} bytes"
        for name, unit in collection.units().items()
        if unit.get("MemoryMax", "infinity") not in ("infinity", "")
    ]
    return Diagnosis(
        "out-of-memory",
        f"The kernel killed {', '.join(killed) or 'processes'} for want of memory",
        tuple(evidence[:4]),
        ", ".join(limits[:2]) or f"the most is held by {_largest(collection)}",
        (
            "ps -eo rss,user,args --sort=-rss | head   # what grew; stop it, or give the machine more memory",
            *(f"systemctl reset-failed {name}; systemctl restart {name}" for name in killed[:2]),
        ),
        serious=bool(killed) or (free is not None and free < scarce),
    )


def _largest(collection: Collection) -> str:
    for line in collection.text("host/processes").splitlines()[1:2]:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[5].isdigit():
            return f"process {fields[0]} of {fields[2]}, {int(fields[5]) // 1024} MB: {fields[7][:60]}"
    return "no process that we could see"


@judge()
def clock_off(collection: Collection) -> Diagnosis | None:
    found = re.match(r"ahead (-?[\d.]+) seconds of (\S+)", collection.text("probes/clock"))
    ahead = float(found[1]) if found else 0.0
    virtual = collection.text("host/virtualization").strip() in (
        "systemd-nspawn",
        "lxc",
        "docker",
        "openvz",
        "container-other",
    )
    loose = "NTPSynchronized=no" in collection.text("clock/synchronisation") and not virtual
    off = abs(ahead) > collection.limit("clock_warn_seconds") + _DATE_SECONDS
    if not (off or loose):
        return None
    evidence = []
    if found and off:
        evidence.append(f"this clock is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} {found[2]}")
    if loose:
        evidence.append("timedatectl: NTPSynchronized=no")
    return Diagnosis(
        "clock-off",
        "The clock is wrong" if off else "Nothing keeps the clock right",
        tuple(evidence),
        "the exchange refuses signatures of another time; without a time service a clock drifts"
        if loose
        else "the time service follows a wrong source, or this machine was paused; or the other side's clock is wrong",
        (
            "timedatectl set-ntp true",
            "systemctl restart systemd-timesyncd || systemctl restart chrony",
            "timedatectl timesync-status   # until it says synchronized",
        ),
        serious=abs(ahead) > collection.limit("clock_fail_seconds") + _DATE_SECONDS,
    )
