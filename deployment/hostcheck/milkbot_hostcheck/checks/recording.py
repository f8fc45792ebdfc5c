"""The recorder: when it last read everything, and how much its recording takes of what it may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from milkbot_hostcheck import paths
from milkbot_hostcheck.collection import seconds_of
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, fail, ok, plain, span, unknown

STATE = paths.RECORD / "state.json"
_NAME = "recording"
_REMEDY = "journalctl -u milkbot-record -n 50; milkbot record verify"
_MINUTE, _GB = 60.0, 1e9


def rows(host: Host) -> Iterator[Row]:
    if not host.settings.record:
        return
    minutes = host.settings.limits.record_fail_minutes
    limit = f"good within {minutes:g} min"
    try:
        state: dict[str, Any] = json.loads(STATE.read_text(encoding="utf-8"))
        good = seconds_of(str(state.get("last_good_at")))
        taken = _taken(state)
    except FileNotFoundError:
        state, good, taken = {}, None, "nothing is recorded"
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        yield unknown(_NAME, str(error), _REMEDY)
        return
    age = host.now - (good or host.installed_at())
    if age <= minutes * _MINUTE:
        yield ok(_NAME, f"{span(age)} ago; {taken}" if good else "none yet, and none is due", limit)
        return
    last = f"the last good run was {span(age)} ago" if good else f"there was never a good run, in {span(age)}"
    why = f"; {state['reason']}" if state.get("reason") else ""
    yield fail(_NAME, plain(f"{last}{why}; {taken}"), _REMEDY, limit)


def _taken(state: dict[str, Any]) -> str:
    """Since when there is a recording, what it takes, and which day went last to make room."""
    removed = state.get("removed") or []
    gone = f", {removed[-1]['day']} was removed" if removed else ""
    return f"{state['bytes'] / _GB:.2f} of {state['limit_bytes'] / _GB:g} GB since {state['first_day']}{gone}"
