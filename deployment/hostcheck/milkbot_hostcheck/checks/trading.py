"""What the books say: the trading state, orders whose outcome is unknown, the last tick and the last rollup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from milkbot_hostcheck.host import Host
from milkbot_hostcheck.loaded import moment
from milkbot_hostcheck.row import Row, State, fail, ok, overdue, plain, span, unknown, warn

NAMES = (
    "trading state",
    "UNKNOWN orders",
    "findings",
    "last tick",
    "weather data",
    "markets seen",
    "last rollup",
    "forecast skill",
)
_MINUTE = 60.0
_DAY = 24 * 60 * _MINUTE


def rows(host: Host, facts: dict[str, dict[str, Any]]) -> Iterator[Row]:
    """`facts` are what facts.sql printed, by what each is about; one that is missing could not be read."""
    yield _state(host, facts.get("states"))
    if host.settings.trading_mode == "live":
        yield _armed(facts.get("armed"))
    yield _unknown(host, facts.get("unknown"))
    yield findings(facts)
    settings, limits = host.settings, host.settings.limits
    # A table without a row prints nothing, and neither does one that cannot be read: then its neighbour is missing too.
    readable = "states" in facts
    tick_limit = limits.tick_fail_intervals * settings.trader_interval_minutes * _MINUTE
    yield _due("milkbot-trader.timer", tick_limit, host, _tick(host, facts.get("tick"), tick_limit, readable=readable))
    yield weather(host, facts.get("components"))
    yield seen(host, facts)
    rollup_limit = limits.rollup_fail_intervals * settings.rollups_interval_minutes * _MINUTE
    yield _due(
        "milkbot-rollups.timer", rollup_limit, host, _rollup(host, facts.get("rollup"), rollup_limit, readable=readable)
    )
    yield skill(host, facts)


def skill(host: Host, facts: dict[str, dict[str, Any]]) -> Row:
    """What the scores say of the live forecaster, and whether there are any. A release from before scores has none."""
    name, found, settings = "forecast skill", facts.get("skill"), host.settings
    late = settings.limits.results_warn_days * _DAY
    limit = f"scored within {span(late)}, not worse than the market"
    if found is None and "states" not in facts:
        return unknown(name, "the books cannot be read", "milkbot doctor")
    if found is None or found["forecaster"] is None:
        return ok(name, "no forecast to score yet", limit)
    if found["missing"] and found["oldest"] > late:
        value = (
            f"no result of {found['missing']} events, the oldest, {found['first']}, over for {span(found['oldest'])}"
        )
        remedy = (
            "does the exchange list it as settled? journalctl -u milkbot-trader -n 50; SELECT * FROM ops.unread_objects"
        )
        return warn(name, plain(value), remedy, limit)
    if found["unscored"] is not None and found["unscored"] > late:
        value = f"a result of {span(found['unscored'])} ago is not scored"
        return warn(name, value, "milkbot rollups; journalctl -u milkbot-rollups -n 50", limit)
    days = found["days"] or 0
    value = f"{found['forecaster']} is {found['standing'] or 'unproven'} after {days} scored days"
    if found["standing"] == "worse" and settings.size_by_evidence:
        remedy = "milkbot skill; sizes remain at the floor: name another forecaster (docs/forecasters.md)"
        return warn(name, plain(f"{value}: worse than the market"), remedy, limit)
    return ok(name, plain(value), limit)


def _state(host: Host, found: dict[str, Any] | None) -> Row:
    name, limit = "trading state", "active"
    if found is None:
        return unknown(name, "the books cannot be read", "milkbot doctor")
    mode = host.settings.trading_mode
    mine = next((row for row in found["rows"] if row["mode"] == mode), None)
    others = ", ".join(f"{row['mode']} is {row['state']}" for row in found["rows"] if row["mode"] != mode)
    also = f" ({others})" if others else ""
    if mine is None:
        return ok(name, f"{mode or 'this mode'} is active{also}", limit)
    value = f"{mode} is {mine['state'].upper()} for {span(mine['age'])}, by {mine['by']}: {mine['reason']}{also}"
    cause = "trading-halted" if mine["state"] == "halted" else "trading-reduced"
    return warn(name, plain(value), "look at milkbot positions, then: milkbot resume --reason ...", limit, cause)


def _armed(found: dict[str, Any] | None) -> Row:
    name, remedy = "live arming", "milkbot arm-live"
    if found is None:
        return unknown(name, "the books cannot be read", "milkbot doctor")
    left = found["left"]
    if left is None or left <= 0:
        return fail(name, "live trading is not armed: no order is sent", remedy, "armed")
    if left < 2 * 3600:
        return warn(name, f"ends in {span(left)}", remedy, "armed")
    return ok(name, f"armed for {span(left)} more", "armed")


def _unknown(host: Host, found: dict[str, Any] | None) -> Row:
    name, deadline = "UNKNOWN orders", host.settings.limits.unknown_fail_minutes * _MINUTE
    limit = f"none, fails when one is older than {span(deadline)}"
    remedy = (
        "ticks find it out: journalctl -u milkbot-trader -n 50; if it stays, look at the exchange's own site, then: "
    )
    remedy += "milkbot orders resolve"
    if found is None:
        return unknown(name, "the books cannot be read", "milkbot doctor")
    if not found["count"]:
        return ok(name, "none", limit)
    value = plain(f"{found['count']}, the oldest for {span(found['oldest'])}, such as {found['first']}")
    return fail(name, value, remedy, limit) if found["oldest"] > deadline else warn(name, value, remedy, limit)


def findings(facts: dict[str, dict[str, Any]]) -> Row:
    """What the books and the exchange do not agree on. A release from before findings keeps none."""
    name, limit, found = "findings", "none, fails when one halts", facts.get("findings")
    if found is None and "states" not in facts:
        return unknown(name, "the books cannot be read", "milkbot doctor")
    if found is None or not found["count"]:
        return ok(name, "none", limit)
    value = plain(f"{found['count']}, the oldest for {span(found['oldest'])}: {found['first']}")
    remedy = "milkbot reconcile --list"
    return fail(name, value, remedy, limit) if found["halting"] else warn(name, value, remedy, limit)


def weather(host: Host, found: dict[str, Any] | None) -> Row:
    """What the last tick that read the weather lacked of it: a service that answers may still not say enough."""
    name, late = "weather data", host.settings.limits.weather_fail_minutes * _MINUTE
    limit = f"complete, fails when it is not for {span(late)}"
    if found is None:
        return unknown(name, "the books cannot be read", "milkbot doctor")
    seen = found["rows"].get("nws_api")
    if seen is None:
        return ok(name, "no tick has read it yet", limit)
    if seen["status"] == "ok":
        return ok(name, f"complete {span(seen['age'])} ago", limit)
    degraded = host.now - host.installed_at() if seen["degraded"] is None else seen["degraded"]
    value = plain(f"not complete for {span(degraded)}: {seen['message'] or 'no reason was left'}")
    remedy = "markets without it are not traded; compare https://api.weather.gov and its status page; journalctl -u "
    remedy += "milkbot-trader -n 50"
    return fail(name, value, remedy, limit) if degraded >= late else warn(name, value, remedy, limit)


def _tick(host: Host, found: dict[str, Any] | None, late: float, *, readable: bool) -> Row:
    name, limit = "last tick", f"within {span(late)}, not failed"
    remedy = "systemctl list-timers milkbot-trader.timer; journalctl -u milkbot-trader -n 50"
    if found is None:
        return _never(host, name, late, limit, remedy, readable=readable)
    age, outcome = found["age"], found["outcome"] or "not ended"
    value = f"{span(age)} ago: {outcome}"
    if age < -_MINUTE:
        return fail(name, f"is {span(-age)} in the future: the clock went back", "timedatectl; chronyc tracking", limit)
    if age > late:
        return overdue(name, value, remedy, limit)
    if outcome == "failed":
        return fail(name, plain(f"{value}: {found['message'] or 'no reason was left'}"), remedy, limit)
    return ok(name, value, limit)


def seen(host: Host, facts: dict[str, dict[str, Any]]) -> Row:
    """Whether the ticks see the markets that are due at this hour. A release that counts none of them says nothing."""
    name, deadline, found = "markets seen", host.settings.limits.missing_fail_minutes * _MINUTE, facts.get("seen")
    limit = f"all that are due, fails when some are missing for {span(deadline)}"
    remedy = "was a series renamed, or a form changed? milkbot doctor; journalctl -u milkbot-trader -n 50; "
    remedy += "the bodies: SELECT * FROM ops.unread_objects ORDER BY seen_at DESC"
    if found is None and "states" not in facts:
        return unknown(name, "the books cannot be read", "milkbot doctor")
    if found is None or not found["missing"]:
        due = None if found is None else found["expected"]
        return ok(name, "not counted yet" if due is None else f"all {due} that are due", limit)
    lacks = ", ".join(f"{number} of {series}" for series, number in sorted(found["missing"].items()))
    value = plain(f"missing for {span(found['oldest'])}: {lacks}")
    return fail(name, value, remedy, limit) if found["oldest"] > deadline else warn(name, value, remedy, limit)


def _rollup(host: Host, found: dict[str, Any] | None, late: float, *, readable: bool) -> Row:
    name, limit = "last rollup", f"within {span(late)}"
    remedy = "systemctl list-timers milkbot-rollups.timer; journalctl -u milkbot-rollups -n 50"
    if found is None:
        return _never(host, name, late, limit, remedy, readable=readable)
    value = f"{span(found['age'])} ago"
    return overdue(name, value, remedy, limit) if found["age"] > late else ok(name, value, limit)


def _due(timer: str, late: float, host: Host, row: Row) -> Row:
    """The row, unless it says late of what the timer has not had the time for since it was started.

    A restore, an update and a boot start it anew: what is old then is no fault before the limit has passed again.
    """
    if row.state is not State.FAIL or not row.overdue:
        return row
    since, following = _timer(host.facts.unit(timer))
    if since is None or host.now - since > late:
        return row
    comes = "" if following is None else f", the next run in {span(following - host.now)}"
    return ok(row.name, f"{row.value}; {timer} was started {span(host.now - since)} ago{comes}", row.limit)


def _timer(known: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Since when it is active, and when it runs next; None for what is not known."""
    if known.get("ActiveState") != "active":
        return None, None
    since, following = (moment(known.get(name, "")) for name in ("ActiveEnterTimestamp", "NextElapseUSecRealtime"))
    return since or None, following or None


def _never(host: Host, name: str, late: float, limit: str, remedy: str, *, readable: bool) -> Row:
    if not readable:
        return unknown(name, "the books cannot be read", "milkbot doctor")
    if host.now - host.installed_at() <= late:
        return ok(name, "none yet, and none is due", limit)
    return overdue(name, f"there was never one in mode {host.settings.trading_mode or 'unknown'}", remedy, limit)
