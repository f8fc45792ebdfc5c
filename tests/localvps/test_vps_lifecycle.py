"""Real machines: they boot, keep their disk, go back, lose power, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.localvps.family import BRIDGE

from localvps import host

if TYPE_CHECKING:
    from tests.localvps.family import Family

_SWITCH = Path("/proc/sys/net/ipv4/ip_forward")


def _facts(vps: Family, name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(vps("show", name, "--json"))
    return facts


def _traces() -> list[str]:
    """Everything on this host that belongs to the tests' family."""
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    found = [line for line in (processes + tables).splitlines() if BRIDGE in line and "ps -eo" not in line]
    found += [path.name for path in Path("/sys/class/net").iterdir() if BRIDGE in path.name]
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    found += [line for line in mounts if "/machines/" in line and "vps" in line]
    found += [str(path) for path in host.cgroup_root().rglob(f"*{BRIDGE}-*") if path.is_dir()]
    return found + [str(path) for path in Path("/run/milkbot-vps").rglob(f"{BRIDGE}/machine-*")]


def test_destroying_the_last_machine_removes_everything(vps: Family) -> None:
    forwarding = _SWITCH.read_text(encoding="ascii")
    vps("create", "one", "--start")
    vps("create", "two", "--start")
    assert BRIDGE in " ".join(_traces())
    assert _SWITCH.read_text(encoding="ascii").strip() == "1"
    vps("destroy", "one")
    assert vps("ssh", "two", "ping -c 1 -W 2 10.89.0.1 >/dev/null && echo reached") == "reached"
    vps("destroy", "two")
    assert _traces() == []
    assert _SWITCH.read_text(encoding="ascii") == forwarding
    assert list((vps.state_dir / "machines").iterdir()) == []


def test_the_bridge_keeps_its_address_while_machines_come_and_go(vps: Family) -> None:
    address = Path(f"/sys/class/net/{BRIDGE}/address")
    vps("create", "one", "--start")
    alone = address.read_text(encoding="ascii")
    assert Path(f"/sys/class/net/{BRIDGE}/addr_assign_type").read_text(encoding="ascii").strip() == "3"  # set by us
    vps("create", "two", "--start")
    vps("destroy", "one")
    assert address.read_text(encoding="ascii") == alone
    vps("destroy", "two")


def test_a_repeated_call_changes_nothing(vps: Family) -> None:
    vps("create", "same", "--start")
    before = _facts(vps, "same")
    vps("create", "same", "--start")
    vps("start", "same")
    assert _facts(vps, "same") == before
    vps("stop", "same")
    vps("stop", "same")
    assert _facts(vps, "same")["state"] == "stopped"
    vps("destroy", "same")
    vps("destroy", "same")


def test_simultaneous_calls_make_one_machine(vps: Family) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _number: vps("create", "race", "--start"), range(3)))
    assert [item["name"] for item in json.loads(vps("list", "--json"))] == ["race"]
    vps("destroy", "race")


def test_the_login_is_like_that_of_a_provider(vps: Family) -> None:
    vps("create", "login", "--start")
    facts = _facts(vps, "login")
    options = ["-F", "none", "-i", facts["key"], "-o", f"UserKnownHostsFile={facts['known_hosts']}"]
    strict = ["-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", f"{facts['user']}@{facts['address']}"]
    remote = "id -un; sudo id -un; systemctl is-system-running; command -v crontab || echo no cron"
    done = subprocess.run(["ssh", *options, *strict, remote], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:4] == ["admin", "root", "running", "no cron"]
    vps("destroy", "login")


def test_a_reset_returns_the_disk_to_the_chosen_snapshot(vps: Family) -> None:
    vps("create", "disk", "--start")
    vps("ssh", "disk", "mkdir -p /srv/kept && echo first >/srv/kept/file")
    vps("snapshot", "disk", "first")
    # A directory of the layer below has to be renamed as on any other disk.
    vps("ssh", "disk", "mv /srv/kept /srv/moved && rm /etc/hostname && echo second >/srv/second")
    vps("snapshot", "disk", "second")
    vps("ssh", "disk", "cat /srv/moved/file /srv/second && rm -r /srv/moved")
    vps("reset", "disk", "second")
    assert vps("ssh", "disk", "cat /srv/moved/file; ls /etc/hostname 2>/dev/null || true") == "first"
    vps("reset", "disk", "first")
    assert vps("ssh", "disk", "cat /srv/kept/file; ls /srv; ls /etc/hostname") == "first\nkept\n/etc/hostname"
    vps("reset", "disk")
    assert vps("ssh", "disk", "ls /srv") == ""
    assert _facts(vps, "disk")["snapshots"] == []
    vps("destroy", "disk")


def test_a_power_cut_ends_every_process_and_keeps_the_disk(vps: Family) -> None:
    vps("create", "power", "--start")
    vps("ssh", "power", "echo kept >/srv/kept; systemd-run --quiet sleep 4242")
    vps("kill", "power")
    running = subprocess.run(["pgrep", "--full", "^/usr/bin/sleep 4242"], check=False, capture_output=True)
    assert running.returncode == 1
    vps("start", "power")
    assert vps("ssh", "power", "cat /srv/kept") == "kept"
    vps("destroy", "power")


@pytest.mark.parametrize("victim", ["supervisor", "reboot", "poweroff"])
def test_a_machine_that_goes_down_on_its_own_comes_back(vps: Family, victim: str) -> None:
    vps("create", "down", "--start")
    vps("ssh", "down", "echo kept >/srv/kept")
    boot = vps("ssh", "down", "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic")
    if victim == "supervisor":
        os.kill(_facts(vps, "down")["pid"], signal.SIGKILL)
    else:
        vps.call("ssh", "down", f"systemctl {victim}")
    if victim == "reboot":
        vps("wait", "down")
    else:
        vps("restart", "down")
    again = "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic"
    assert vps("ssh", "down", again) != boot
    assert vps("ssh", "down", "cat /srv/kept; systemctl is-system-running") == "kept\nrunning"
    vps("destroy", "down")
    assert _traces() == []


@pytest.mark.matrix
def test_a_machine_with_its_own_kernel_boots_goes_back_loses_power_and_leaves_nothing(vps: Family) -> None:
    vps("create", "kernel", "--image", "debian-12-kernel", "--start", "--as-container")
    assert vps("ssh", "kernel", "uname --kernel-release") == os.uname().release
    vps("ssh", "kernel", "echo from a container >/srv/kept")
    vps("restart", "kernel")
    assert vps("ssh", "kernel", "cat /srv/kept") == "from a container"
    controllers = vps("ssh", "kernel", "cat /sys/fs/cgroup/cgroup.controllers").split()
    assert {"cpu", "io", "memory", "pids"} <= set(controllers)
    vps("stop", "kernel")
    assert "`bin/vps reset kernel` first" in vps.call("start", "kernel", "--as-container").stderr
    vps("start", "kernel")
    assert _facts(vps, "kernel")["root"] is None
    vps("ssh", "kernel", "echo first >/srv/kept && sync")
    vps("snapshot", "kernel", "first")
    vps("ssh", "kernel", "echo second >/srv/kept && sync")
    vps("kill", "kernel")
    vps("start", "kernel")
    assert vps("ssh", "kernel", "cat /srv/kept") == "second"
    vps("reset", "kernel", "first")
    assert vps("ssh", "kernel", "cat /srv/kept") == "first"
    vps("stop", "kernel")
    console = Path(_facts(vps, "kernel")["console_log"])
    assert "reboot: Power down" in console.read_text(encoding="utf-8", errors="replace")
    vps("destroy", "kernel")
    assert _traces() == []
