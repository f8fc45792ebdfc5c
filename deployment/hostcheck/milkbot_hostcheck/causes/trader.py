"""The trader: its timer, its state, its last tick."""

from __future__ import annotations

from milkbot_hostcheck import paths
from milkbot_hostcheck.causes.services import last_error
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.diagnosis import DATABASE, MACHINE, NETWORK, RELEASE, SETTINGS, Diagnosis, judge

_APPLY = "ansible-playbook -i INVENTORY site.yml --tags systemd"


@judge("deploy-lock-dead")
def timer_stopped(collection: Collection) -> Diagnosis | None:
    stopped = {
        name: unit for name in paths.TIMERS if (unit := collection.unit(name)) and unit.get("ActiveState") != "active"
    }
    if not stopped:
        return None
    lock = collection.health().get("deploy lock")
    running = lock is not None and lock.value.startswith("held") and lock.cause != "deploy-lock-dead"
    name, unit = next(iter(stopped.items()))
    masked = unit.get("LoadState") == "masked"
    return Diagnosis(
        "timer-stopped",
        (
            f"{' and '.join(stopped)} {'does' if len(stopped) == 1 else 'do'} not run: "
            f"{'no tick is made' if name == paths.TIMERS[0] else 'the figures grow old'}"
        ),
        tuple(
            f"{name} is {unit.get('ActiveState')} since {unit.get('StateChangeTimestamp') or 'the start'}"
            for name, unit in stopped.items()
        ),
        "a run holds it, and starts it again at its end"
        if running
        else "its unit is masked"
        if masked
        else "somebody stopped it",
        (
            # The mask has taken the place of our file.
            *((f"systemctl unmask {name}", _APPLY) if masked else ()),
            f"systemctl enable --now {' '.join(stopped)}",
        ),
        serious=not running,
    )


@judge()
def trading_halted(collection: Collection) -> Diagnosis | None:
    for row in collection.failing("trading state", warned=True):
        halted = row.cause == "trading-halted"
        return Diagnosis(
            row.cause,
            f"Trading is {'halted' if halted else 'reduced: it only lowers risk'}",
            (row.value,),
            "an operator, a restore or a breaker did it; that reason has to be removed first",
            ("milkbot positions; milkbot orders", 'milkbot resume --reason "..."'),
            serious=halted,
        )
    return None


@judge(DATABASE, SETTINGS)
def not_armed(collection: Collection) -> Diagnosis | None:
    for row in collection.failing("live arming"):
        return Diagnosis(
            "not-armed",
            "Live trading is not armed",
            (row.value,),
            "arming ends by itself; nothing is sent until an operator does it again",
            ("milkbot arm-live",),
        )
    return None


@judge(
    MACHINE, DATABASE, SETTINGS, RELEASE, NETWORK, "exchange-silent", "exchange-refuses", "simulator-down", "clock-off",
    "not-armed", "timer-stopped", "deploy-lock-dead",
)  # fmt: skip
def tick_fails(collection: Collection) -> Diagnosis | None:
    unit = collection.unit(paths.ONESHOTS[0])
    code = unit.get("ExecMainStatus", "0")
    newest = next(iter(collection.rows("postgres/ticks")), {})
    late = [row for row in collection.failing("last tick") if row.overdue]
    failed = unit.get("ActiveState") == "failed" or unit.get("Result", "success") != "success"
    if not (failed or late):
        return None
    evidence = [*last_error(collection, paths.ONESHOTS[0])] if failed else []
    if newest.get("outcome") == "failed":
        evidence.append(f"the newest tick in the books failed: {str(newest.get('message'))[:160]}")
    if late:
        evidence.append(f"the newest tick: {late[0].value}")
    causes = {
        "69": "the exchange or the weather service does not answer; nothing was sent",
        "71": "the database does not answer; nothing was sent",
        "77": "live trading is not armed",
        "78": "the settings are wrong",
    }
    return Diagnosis(
        "tick-fails",
        f"The trader's ticks fail (exit {code})" if failed else "No tick has begun for long",
        tuple(evidence[:3]) or (f"milkbot-trader.service: {unit.get('Result')}, exit {code}",),
        causes.get(code, "see journal/milkbot-trader.service.txt"),
        ("milkbot doctor", "journalctl -u milkbot-trader -n 50"),
    )


@judge(MACHINE, DATABASE, SETTINGS, RELEASE, "timer-stopped", "deploy-lock-dead")
def rollups_fail(collection: Collection) -> Diagnosis | None:
    unit = collection.unit(paths.ONESHOTS[1])
    if unit.get("ActiveState") != "failed" and unit.get("Result", "success") == "success":
        return None
    return Diagnosis(
        "rollups-fail",
        f"The rollups fail (exit {unit.get('ExecMainStatus')})",
        last_error(collection, paths.ONESHOTS[1]) or (f"milkbot-rollups.service: {unit.get('Result')}",),
        "the dashboard's figures grow old; trading does not need them",
        ("journalctl -u milkbot-rollups -n 50", "systemctl start milkbot-rollups.service"),
    )


@judge(NETWORK, "exchange-silent")
def orders_unknown(collection: Collection) -> Diagnosis | None:
    for row in collection.failing("UNKNOWN orders", warned=True):
        return Diagnosis(
            "orders-unknown",
            "The outcome of an order is not known",
            (row.value,),
            "an answer of the exchange was lost; the next ticks find out, and the event is blocked meanwhile",
            ("milkbot orders   # after two ticks; what stays unknown: ask the exchange",),
            serious=False,
        )
    return None
