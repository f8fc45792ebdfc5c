"""A machine's process: started apart from the calling shell, known by pid and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localvps import cgroups, emulator, files, host, layers, network
from localvps.errors import VpsError, say
from localvps.run import run

if TYPE_CHECKING:
    from localvps.config import Config
    from localvps.machine import Machine

_BOOT = Path(__file__).with_name("boot.sh")
# Masked because a container cannot do it, and the machine would end as "degraded".
_MASKED = ("systemd-journald-audit.socket",)  # the kernel's audit socket belongs to the host
_POLL_SECONDS = 0.02
_STOP_SECONDS = 300.0
_KILL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Process:
    """The supervisor of a running machine; its mount namespace holds the machine's disk."""

    pid: int
    started: str
    cgroup: Path

    def alive(self) -> bool:
        """Return whether this very process still runs (a number can be given out again)."""
        return _started(self.pid) == self.started


def _started(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else f"{_boot_id()}/{rest[18]}"


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _record(config: Config, machine: Machine) -> Path:
    return config.run_dir / f"machine-{machine.name}.json"


def of(config: Config, machine: Machine) -> Process | None:
    """Return the machine's process when it runs."""
    record = files.read_json(_record(config, machine))
    if record is None:
        return None
    process = Process(record["pid"], record["started"], Path(record["cgroup"]))
    return process if process.alive() else None


def start(config: Config, machine: Machine, *, kernel: bool) -> Process:
    """Boot a stopped machine; returns as soon as its process runs. The caller holds the locks.

    With `kernel` it boots the one of its image, without it is a container.
    """
    name = network.label(config, machine.address)
    under_systemd = host.has_systemd()
    cgroup = None if under_systemd else cgroups.make(name)
    command = [
        *("unshare", "--mount", "--propagation", "private", "--"),
        *_boot(config, machine, str(cgroup or "-"), kernel=kernel),
    ]
    machine.console_log.unlink(missing_ok=True)
    pid = _by_systemd(machine, name, command) if under_systemd else _by_hand(machine, command)
    started = _started(pid)
    if started is None:
        raise VpsError(f"machine {machine.name} died at once:\n{console_tail(machine)}")
    process = Process(pid, started, cgroup or cgroups.of(pid))
    record = {"pid": pid, "started": started, "cgroup": str(process.cgroup)}
    files.write_json(_record(config, machine), record)
    return process


def _boot(config: Config, machine: Machine, cgroup: str, *, kernel: bool) -> list[str]:
    """The command line that runs a machine in the foreground, in the machine's directory."""
    options = layers.mount_options(machine)
    if kernel:
        return emulator.command(config, machine, cgroup, options)
    return [
        *(str(_BOOT), cgroup, options),
        *("--quiet", "--boot", "--register=no", "--keep-unit", "--console=read-only"),
        *(f"--machine={network.label(config, machine.address)}", f"--hostname={machine.hostname}"),
        *(f"--uuid={machine.machine_id}", f"--network-bridge={config.bridge}"),
        *("--link-journal=no", "--resolv-conf=off", "--timezone=off", "--capability=CAP_NET_ADMIN"),
        *(f"systemd.mask={unit}" for unit in _MASKED),
    ]


def _by_systemd(machine: Machine, name: str, command: list[str]) -> int:
    unit = f"vps-{name}.service"
    properties = ("Type=exec", "Delegate=yes", "KillMode=mixed", "TasksMax=infinity")
    run(
        [
            *("systemd-run", "--quiet", "--collect", f"--unit={unit}"),
            *(f"--property={item}" for item in properties),
            f"--property=WorkingDirectory={machine.directory}",
            f"--property=StandardOutput=file:{machine.console_log}",
            f"--property=StandardError=file:{machine.console_log}",
            "--setenv=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
            *("--", *command),
        ]
    )
    return int(run(["systemctl", "show", "--property=MainPID", "--value", unit]))


def _by_hand(machine: Machine, command: list[str]) -> int:
    with machine.console_log.open("wb") as log:
        child = subprocess.Popen(
            command,
            cwd=machine.directory,
            env={"PATH": os.environ.get("PATH", os.defpath), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return child.pid


def stop(config: Config, machine: Machine) -> None:
    """Shut a machine down as its own `poweroff` does; one that does not obey loses its power."""
    process = of(config, machine)
    if process is not None:
        with suppress(ProcessLookupError):  # it has just gone on its own
            os.kill(process.pid, signal.SIGTERM)
        if not _gone(process, _STOP_SECONDS):
            say(f"{machine.name}: does not shut down within {_STOP_SECONDS:.0f} s; cutting its power")
    kill(config, machine)


def kill(config: Config, machine: Machine) -> None:
    """Cut the power: every process of the machine ends at once. Also cleans up after a dead one."""
    process = of(config, machine)
    record = files.read_json(_record(config, machine))
    if record is None:
        return
    cgroups.kill(Path(record["cgroup"]))  # also when the supervisor is dead: its machine may live on
    if process is not None and not _gone(process, _KILL_SECONDS):
        raise VpsError(
            f"process {process.pid} of {machine.name} cannot be killed: see `ps -o stat,wchan {process.pid}`"
        )
    cgroups.remove(Path(record["cgroup"]))
    network.unplug(config, machine.address)
    _record(config, machine).unlink(missing_ok=True)


def _gone(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def console_tail(machine: Machine, lines: int = 15) -> str:
    """Return the end of what the machine wrote on its console."""
    if not machine.console_log.is_file():
        return "(nothing on its console)"
    text = machine.console_log.read_text(encoding="utf-8", errors="replace")
    return "\n".join(text.splitlines()[-lines:]) or "(nothing on its console)"
