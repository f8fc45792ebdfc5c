"""Whether the health check itself still runs, and reaches those whom it tells."""

from __future__ import annotations

from collections.abc import Iterator

from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, by_limits, ok, plain, span, warn


def rows(host: Host) -> Iterator[Row]:
    yield _alert_run(host)
    yield _channels(host)
    yield _ping(host)


def _alert_run(host: Host) -> Row:
    """By cron, every five minutes: when it stopped, only a look by hand and the dead man's switch can tell."""
    name, most = "alert run", host.settings.limits.alerts_warn_minutes
    limit = f"within {most:g} min"
    if host.alerts:
        return ok(name, "this is one", limit)
    at = host.last_at or host.installed_at()
    value = f"{'last' if host.last_at else 'none yet; installed'} {span(host.now - at)} ago"
    remedy = "crontab -l; systemctl status cron; tail /var/log/milkbot/healthcheck.log"
    return by_limits(name, (host.now - at) / 60, (most, float("inf")), value, limit, remedy)


def _channels(host: Host) -> Row:
    name, waiting = "alert channels", host.memory.spool
    if waiting:
        oldest = min(float(entry["at"]) for entry in waiting)
        why = host.memory.told.get("channels") or "not tried yet"
        value = plain(f"{len(waiting)} messages wait, the oldest for {span(host.now - oldest)}: {why}")
        return warn(name, value, "correct health_alert_urls in the vault: site.yml --tags health", "none waits")
    return ok(name, host.memory.told.get("channels_are", "nothing was told yet"), "none waits")


def _ping(host: Host) -> Row:
    name, why = "dead man's switch", host.memory.told.get("ping_failed")
    if why:
        remedy = "is health_ping_url right, and reachable from here?"
        return warn(name, plain(f"the last ping did not arrive: {why}"), remedy, "arrives")
    return ok(name, host.memory.told.get("ping_is", "not pinged yet"), "arrives")
