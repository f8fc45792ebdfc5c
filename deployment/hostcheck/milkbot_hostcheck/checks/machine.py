"""The machine itself: memory, OOM kills, the clock, the firewall, a reboot that is due."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from milkbot_hostcheck.checks.journals import since
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, by_limits, fail, ok, plain, span, unknown, warn

VMSTAT = Path("/proc/vmstat")
CONTAINER = Path("/run/systemd/container")
REBOOT = Path("/run/reboot-required")
# systemd's message that a unit's process was OOM-killed (SD_MESSAGE_UNIT_OUT_OF_MEMORY).
_OUT_OF_MEMORY = "MESSAGE_ID=fe6faa94e7774663a0da52717891d8ef"


def in_container() -> bool:
    """As systemd has noted it at boot: such a machine shares its host's clock and counters."""
    return CONTAINER.exists()


def available_memory(meminfo: str) -> tuple[float, float] | None:
    """How much is available and how much there is, in MB; None where that is not known."""
    known = dict(re.findall(r"^(\w+):\s+(\d+) kB", meminfo, re.MULTILINE))
    if "MemAvailable" not in known or not int(known.get("MemTotal", 0)):
        return None
    return int(known["MemAvailable"]) / 1024, int(known["MemTotal"]) / 1024


def memory(host: Host) -> Iterator[Row]:
    limits, found = host.settings.limits, available_memory(host.facts.text("memory/meminfo"))
    if found is None:
        yield unknown("memory", host.facts.answer("memory/meminfo").why(), "cat /proc/meminfo")
        return
    available, total = found
    percent = 100 * available / total
    turned = (-limits.memory_warn_percent, -limits.memory_fail_percent)
    value = f"{percent:.0f} % available, {available:.0f} of {total:.0f} MB"
    limit = f"warns below {limits.memory_warn_percent:g} %, fails below {limits.memory_fail_percent:g} %"
    yield by_limits("memory", -percent, turned, value, limit, "see who has it: ps -eo rss,args --sort=-rss | head")


def kills(host: Host) -> Iterator[Row]:
    """By the kernel's counter and by systemd's words. A container sees its host's counter: there the words alone."""
    name, remedy = "OOM kills", "journalctl -k -g 'out of memory|oom'; systemctl status 'milkbot-*'"
    known = dict(line.split() for line in VMSTAT.read_text(encoding="ascii").splitlines())
    counted = 0 if in_container() else int(known.get("oom_kill", 0))
    host.note["oom_kills"] = counted
    before = int(host.seen.get("oom_kills", counted))
    # Less than before: it was rebooted, and counts from nought.
    killed = counted - before if counted >= before else counted
    said, entries = since(host, [_OUT_OF_MEMORY])
    if said.code != 0 and killed == 0:
        yield unknown(name, said.why(), remedy)
        return
    killed = max(killed, len(entries))
    if killed:
        yield fail(name, f"{killed} processes since the last check", remedy, "none")
    else:
        yield ok(name, "none since the last check", "none")


def clock(host: Host) -> Iterator[Row]:
    yield _clock(host)


def _clock(host: Host) -> Row:
    """Never by asking the network: what keeps the clock knows how far it is off, and whether it is kept at all."""
    name, limits = "clock", host.settings.limits
    remedy = "timedatectl set-ntp true; timedatectl timesync-status, or chronyc tracking"
    limit = f"kept, warns from {limits.clock_warn_seconds:g} s, fails from {limits.clock_fail_seconds:g} s"
    if host.last_at is not None and host.last_at - host.now > limits.clock_fail_seconds:
        return fail(name, f"went back by {span(host.last_at - host.now)} since the last check", remedy, limit)
    chrony = host.facts.answer("clock/chrony")
    if chrony.code == 0:
        return _chrony(name, chrony.output, (limits.clock_warn_seconds, limits.clock_fail_seconds), limit, remedy)
    answer = host.facts.answer("clock/synchronisation")
    if answer.code != 0 and not in_container():
        return unknown(name, answer.why(), remedy)
    known = dict(line.split("=", 1) for line in answer.output.splitlines() if "=" in line)
    if in_container() and known.get("NTP") != "yes":
        return ok(name, "kept by the host of this container", limit)
    if known.get("NTP") != "yes":
        return fail(name, "nothing keeps it: no time service is active", remedy, limit)
    if known.get("NTPSynchronized") != "yes":
        return warn(name, "not synchronized yet", remedy, limit)
    return ok(name, "synchronized", limit)


def _chrony(name: str, output: str, limits: tuple[float, float], limit: str, remedy: str) -> Row:
    """The fields of `chronyc -c tracking`: the fifth is the offset in seconds, the last says whether it follows any."""
    fields = output.strip().split(",")
    if len(fields) < 14:
        return unknown(name, f"chronyc said {plain(output)}", remedy)
    if fields[-1] == "Not synchronised":
        return warn(name, "not synchronized yet", remedy, limit)
    offset = abs(float(fields[4]))
    return by_limits(name, offset, limits, f"synchronized, off by {offset:.3f} s", limit, remedy)


def reboot(_: Host) -> Iterator[Row]:
    if not REBOOT.exists():
        yield ok("reboot", "none is due")
        return
    packages = REBOOT.with_name("reboot-required.pkgs")
    named = sorted(set(packages.read_text(encoding="utf-8").split())) if packages.exists() else []
    why = f", for {', '.join(named)}" if named else ""
    yield warn("reboot", plain(f"due{why}"), "in a quiet hour: systemctl reboot", "none due")
