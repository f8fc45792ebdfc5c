"""When a row is alerted: a pure function of the earlier alerts, the rows, and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from milkbot_hostcheck.row import Row, State

# Rows that come and go by themselves: told when the second check in a row finds them as well.
PATIENT = frozenset(
    {
        "memory",
        "connections",
        "clock",
        "exchange",
        "weather service",
        "last tick",
        "markets seen",
        "milkbot-trader.service",
        "milkbot-rollups.service",
    }
)
# What a deploy stops and starts: no alert while one is running, as long as that takes no longer than it should.
DISTURBED_CHECKS = frozenset(
    {"units", "other units", "API", "dashboard", "page", "files of nginx", "files of units", "releases"}
)
DISTURBED_ROWS = frozenset({"schema", "last tick", "last rollup", "log of milkbot-trader"})
LOCK_ROW = "deploy lock"


class Kind(str, Enum):
    """What there is to tell of a row."""

    NEW = "new"
    AGAIN = "again"
    WELL = "well"


@dataclass(frozen=True)
class News:
    """One row in a message; `since` is when it ceased to be well."""

    kind: Kind
    name: str
    state: State
    value: str
    remedy: str
    since: float


@dataclass(frozen=True)
class Policy:
    """Which states are alerted, after how many seconds again, and whether a deploy is running."""

    on: frozenset[State]
    repeat_seconds: float
    deploying: bool = False


Records = dict[str, dict[str, Any]]


def step(
    before: Mapping[str, Mapping[str, Any]], checks: Mapping[str, Sequence[Row]], now: float, policy: Policy
) -> tuple[Records, list[News]]:
    """What to remember, and what to tell now.

    A row that could not be judged, and one whose check did not end, keep what is remembered of them: nothing is known,
    so there is no alert, and no recovery either.
    """
    after: Records = {}
    news: list[News] = []
    looked_at = set[str]()
    for check, rows in checks.items():
        for row in rows:
            looked_at.add(row.name)
            record, told = _judge(before.get(row.name), check, row, now, policy)
            if record is not None:
                after[row.name] = record
            if told is not None:
                news.append(told)
    broken = {check for check, rows in checks.items() if any(not row.known for row in rows)}
    for name in before.keys() - looked_at:
        record = dict(before[name])
        if record["check"] in broken:
            after[name] = record
        elif record["told"]:
            news.append(
                News(Kind.WELL, name, State.OK, "is not looked at any more", "", min(float(record["since"]), now))
            )
    return after, news


def _judge(
    before: Mapping[str, Any] | None, check: str, row: Row, now: float, policy: Policy
) -> tuple[dict[str, Any] | None, News | None]:
    if not row.known and before is not None:
        return dict(before), None
    told_before = before["told"] if before else ""
    if row.state not in policy.on:
        since = float(before["since"]) if before else now
        well = News(Kind.WELL, row.name, row.state, row.value, row.remedy, min(since, now))
        return None, well if told_before else None
    count = (int(before["count"]) if before else 0) + (0 if _disturbed(check, row, policy) else 1)
    # A clock that went back must not put a repetition off.
    since = min(float(before["since"]), now) if before else now
    record = {
        "check": check,
        "state": row.state.value,
        "since": since,
        "count": count,
        "told": told_before,
        "told_at": min(float(before["told_at"]), now) if before else 0.0,
    }
    kind = _due(record, row, now, policy)
    if kind is None:
        return record, None
    record |= {"told": row.state.value, "told_at": now}
    return record, News(kind, row.name, row.state, row.value, row.remedy, since)


def _due(record: Mapping[str, Any], row: Row, now: float, policy: Policy) -> Kind | None:
    if record["told"] != row.state.value:
        return Kind.NEW if record["count"] >= (2 if row.name in PATIENT else 1) else None
    return Kind.AGAIN if now - record["told_at"] >= policy.repeat_seconds else None


def _disturbed(check: str, row: Row, policy: Policy) -> bool:
    if not policy.deploying or row.name == LOCK_ROW:
        return False
    return check in DISTURBED_CHECKS or row.name in DISTURBED_ROWS
