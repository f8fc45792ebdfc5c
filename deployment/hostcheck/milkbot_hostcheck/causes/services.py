"""The two services, the simulator, and whatever else has failed."""

from __future__ import annotations

import re

from milkbot_hostcheck import paths
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import DATABASE, MACHINE, RELEASE, SETTINGS, Diagnosis, judge

_FAILED = re.compile(r'"level": ?"(?:error|critical)"|Error\b|Failed |status=|Traceback|refused')
_EXITS = {
    "71": "it has no database",
    "77": "it is not permitted",
    "78": "its settings are wrong",
    "200": "its working directory is missing",
    "203": "its program is missing or cannot be run",
    "217": "its user is missing",
    "226": "what its unit asks of the file system cannot be had: a directory is missing",
}


def run_of(collection: Collection, unit: str) -> list[str]:
    """The lines of the unit's newest run."""
    return collection.text("journal/last-runs").partition(f"== {unit}\n")[2].partition("\n== ")[0].splitlines()


def last_error(collection: Collection, unit: str) -> tuple[str, ...]:
    """The line of its newest run that tells most, without the time and the host before it."""
    lines = [line for line in run_of(collection, unit) if _FAILED.search(line)]
    own = [line for line in lines if "systemd[" not in line] or lines
    return tuple(re.sub(r"^\S+ \S+ ", "", line)[:200] for line in own[-1:])


@judge()
def port_taken(collection: Collection) -> Diagnosis | None:
    for name, port, units in (
        ("analytics API", 8000, ("milkbot-analytics.socket", "milkbot-analytics.service")),
        ("dashboard", 8501, ("milkbot-dashboard.socket", "milkbot-dashboard.service")),
        ("simulator", 8900, (paths.SIMULATOR,)),
        ("nginx", 443, ("nginx.service",)),
        ("nginx", 80, ("nginx.service",)),
    ):
        known = [collection.unit(unit) for unit in units]
        if any(
            unit.get("ActiveState") in ("active", "activating", "reloading", "") or unit.get("LoadState") == "not-found"
            for unit in known[:1]
        ):
            continue
        for line in collection.lines("network/listening", rf"[:\]]{port}\s"):
            process = re.search(r'\(\("([^"]+)",pid=(\d+)', line)
            pid = process[2] if process else ""
            return Diagnosis(
                "port-taken",
                f"Another process has the port of the {name}",
                (
                    f"port {port} is held by {process[1]} (process {pid})" if process else " ".join(line.split())[:160],
                    f"{units[0]} is {known[0].get('ActiveState')} ({known[0].get('Result')})",
                ),
                "somebody started it by hand, or a process from before did not end",
                (
                    f"ps -o user,lstart,args -p {pid}; kill {pid}" if pid else f"ss -Htlnp 'sport = :{port}'",
                    f"systemctl reset-failed {' '.join(units)}; systemctl start {' '.join(units)}",
                ),
            )
    return None


_ROOTS = (MACHINE, RELEASE, "env-missing", "env-broken", "env-unreadable", "port-taken")


@judge(*_ROOTS)
def analytics(collection: Collection) -> Diagnosis | None:
    return _service(collection, "milkbot-analytics", "analytics API", "milkbot-analytics-down")


@judge(*_ROOTS)
def dashboard(collection: Collection) -> Diagnosis | None:
    return _service(collection, "milkbot-dashboard", "dashboard", "milkbot-dashboard-down")


def _service(collection: Collection, unit: str, what: str, name: str) -> Diagnosis | None:
    service, door = collection.unit(f"{unit}.service"), collection.unit(f"{unit}.socket")
    if not service:
        return None
    state = service.get("ActiveState", "")
    stands = state not in ("active", "reloading")
    # Between two of its restarts it is "activating", with the result of the last.
    restarting = (
        state == "activating"
        and service.get("SubState") != "auto-restart"
        and not last_error(collection, f"{unit}.service")
    )
    if not stands or restarting:
        return None
    # A request starts what stands still and has a socket that listens.
    waits = state == "inactive" and door.get("ActiveState") == "active" and service.get("LoadState") == "loaded"
    load = service.get("LoadState", "loaded")
    code = service.get("ExecMainStatus", "0")
    causes = [
        (load == "masked", "its unit is masked"),
        (load not in ("loaded", "masked"), f"its unit cannot be used: {load} {service.get('LoadError', '')}"),
        (
            service.get("Result") == "start-limit-hit" or (state == "failed" and code in _EXITS),
            _EXITS.get(code, "it ended each time it was started"),
        ),
        (state == "failed", _EXITS.get(code, f"it ended with {code}")),
        (restarting or state == "activating", f"it ends each time it is started, with {code}"),
        (True, "somebody stopped it"),
    ]
    start = f"systemctl reset-failed {unit}.service; systemctl start {unit}.socket {unit}.service"
    return Diagnosis(
        name,
        f"The {what} does not run" + ("; the next request starts it" if waits else "; nginx answers 502 for it"),
        (
            (
                f"{unit}.service is {state} ({service.get('Result')}, exit {code}) since "
                f"{service.get('StateChangeTimestamp') or 'its load'}"
            ),
            *(last_error(collection, f"{unit}.service") if state != "inactive" else ()),
        ),
        next(words for holds, words in causes if holds),
        (
            *((f"systemctl unmask {unit}.service",) if load == "masked" else ()),
            # A mask has taken the place of our file.
            *(("ansible-playbook -i INVENTORY site.yml --tags systemd",) if load != "loaded" else ()),
            start,
            f"journalctl -u {unit} -n 50",
        ),
        serious=not waits,
    )


@judge(*_ROOTS, DATABASE)
def api_answers_badly(collection: Collection) -> Diagnosis | None:
    return _answer(collection, "probes/api", "milkbot-analytics", "analytics API", "api-answers-badly")


@judge(*_ROOTS, "milkbot-analytics-down")
def dashboard_answers_badly(collection: Collection) -> Diagnosis | None:
    return _answer(collection, "probes/dashboard", "milkbot-dashboard", "dashboard", "dashboard-answers-badly")


def _answer(collection: Collection, probe: str, unit: str, what: str, name: str) -> Diagnosis | None:
    text = collection.text(probe)
    if (
        collection.unit(f"{unit}.service").get("ActiveState") != "active"
        or not text
        or text.startswith(("status 200", "not asked"))
    ):
        return None
    body = text.partition("\n\n")[2].strip()
    return Diagnosis(
        name,
        f"The {what} runs and does not answer as it should",
        (text.splitlines()[0], *([body[:160]] if body else []), *last_error(collection, f"{unit}.service")),
        "it waits for something that does not come, or hangs",
        (f"journalctl -u {unit} -n 50", f"systemctl restart {unit}.service"),
    )


@judge(*_ROOTS)
def simulator(collection: Collection) -> Diagnosis | None:
    unit = collection.unit(paths.SIMULATOR)
    if unit.get("LoadState") != "loaded" or unit.get("ActiveState") in ("active", "reloading"):
        return None
    return Diagnosis(
        "simulator-down",
        "The simulated exchange does not run",
        (
            f"{paths.SIMULATOR} is {unit.get('ActiveState')} ({unit.get('Result')})",
            *last_error(collection, paths.SIMULATOR),
        ),
        "somebody stopped it, or it failed",
        (f"systemctl reset-failed {paths.SIMULATOR}; systemctl start {paths.SIMULATOR}",),
    )


@judge("no-route", "names-fail", "unreachable", "simulator-down", SETTINGS)
def exchange_silent(collection: Collection) -> Diagnosis | None:
    said = collection.text("network/reach"), collection.text("probes/clock")
    lines = [line for line in said[0].splitlines() if "no connection to port" in line and "KALSHI" in line]
    if not lines and not said[1].startswith("no answer"):
        return None
    return Diagnosis(
        "exchange-silent",
        "The exchange does not answer",
        tuple([*lines, said[1].strip()][:2]),
        "it is down, or pauses; the trader sends nothing meanwhile",
        ("wait for the next tick, and look at the exchange's status page", "milkbot doctor"),
    )


@judge(MACHINE, SETTINGS, RELEASE, DATABASE)
def not_enabled(collection: Collection) -> Diagnosis | None:
    wanted = [*paths.SERVICES, *paths.TIMERS, "nginx.service", "cron.service"]
    off = [name for name in wanted if collection.unit(name).get("UnitFileState") == "disabled"]
    if not off:
        return None
    return Diagnosis(
        "not-enabled",
        "A unit would not come back after a reboot",
        (f"disabled: {', '.join(off)}",),
        "somebody disabled it",
        (f"systemctl enable --now {' '.join(off)}",),
        serious=False,
    )
