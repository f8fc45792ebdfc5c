"""healthcheck.sh [--alert] [--json] [--quiet]."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from milkbot_hostcheck.alerting import alerts, memory, message, ping, tell
from milkbot_hostcheck.alerting.saying import complain
from milkbot_hostcheck.asking import Answers, end_all
from milkbot_hostcheck.checks import check_everything
from milkbot_hostcheck.checks.deploys import lock_age, lock_holder
from milkbot_hostcheck.collect import of_the_health_check
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.host import Host, live_release
from milkbot_hostcheck.paths import HEALTH_RESULT, OPERATOR_GROUP
from milkbot_hostcheck.row import Row, State, worst
from milkbot_hostcheck.settings import Channels, Settings, SettingsError, read, read_channels

LOCK = "/run/lock/milkbot-health.lock"
_CODES = {State.OK: 0, State.WARN: 1, State.FAIL: 2}
USAGE, BROKEN, BUSY, NOT_ROOT, WRONG_SETTINGS = 64, 70, 75, 77, 78
_EXIT_CODES = """exit codes:
  0 all is well      1 something warns, nothing fails      2 something fails
  64 wrong usage     70 the check itself is broken         75 another check that alerts is running
  77 not root        78 a setting of /etc/milkbot/health.env is wrong"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; {self.format_usage().strip()}", file=sys.stderr)
        sys.exit(USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="healthcheck.sh",
        description="Looks at the whole platform: a row a check, with value, limit and remedy.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--alert", action="store_true", help="tell the channels of what has changed (root's cron does)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="print only rows that are not ok")
    return parser


def main(arguments: Sequence[str]) -> NoReturn:
    """Run, and end without waiting for a part that hangs."""
    try:
        code = _run(_parser().parse_args(arguments))
    except SystemExit as ending:
        code = int(ending.code or 0)
    except SettingsError as error:
        complain(f"{error}")
        code = WRONG_SETTINGS
    except Exception:  # noqa: BLE001 - Python's own exit code would be 1, which says that nothing fails
        complain(f"it is broken itself\n{traceback.format_exc()}")
        code = BROKEN
    # When the log's disk is full, a row has said so.
    with suppress(OSError):
        sys.stdout.flush()
    end_all()
    os._exit(code)


def _run(options: argparse.Namespace) -> int:
    if os.geteuid() != 0:
        complain("run it as root: sudo /opt/milkbot/deployment/scripts/healthcheck.sh")
        return NOT_ROOT
    settings = read()
    if options.alert and not _alone():
        complain("another check that alerts is running; this one ends")
        return BUSY
    facts = Collection(Answers(of_the_health_check(), settings.limits.answer_seconds))
    host = Host(settings, memory.load(), alerts=options.alert, release=live_release(), facts=facts)
    checks = check_everything(host)
    rows = [row for found in checks.values() for row in found]
    _show(host, rows, options)
    if options.alert:
        _leave(host, rows, HEALTH_RESULT)
        _alert(host, checks, rows)
    return _CODES[worst(rows)]


def _alone() -> bool:
    """Hold the lock until this process ends. Programs that it starts do not inherit it."""
    held = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _result(host: Host, rows: Sequence[Row], shown: Sequence[Row]) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(host.now))
    known = {"at": at, "host": socket.gethostname(), "release": host.release, "result": worst(list(rows)).value}
    return json.dumps({**known, "rows": [row.as_json() for row in shown]}, ensure_ascii=False)


def _leave(host: Host, rows: Sequence[Row], path: Path) -> None:
    """Leave the result for the operator's page, where there is one: it may not look at the host itself."""
    if not path.parent.is_dir():
        return
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(_result(host, rows, rows), encoding="utf-8")
        new.chmod(0o640)
        shutil.chown(new, "root", OPERATOR_GROUP)
        new.replace(path)
    except (OSError, LookupError) as error:
        complain(f"the operator's page gets no result: {error}")


def _show(host: Host, rows: Sequence[Row], options: argparse.Namespace) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(host.now))
    shown = [row for row in rows if row.state is not State.OK or not options.quiet]
    if options.json:
        lines = [_result(host, rows, shown)]
    else:
        lines = [row.line() for row in shown]
        for state in (State.WARN, State.FAIL):
            if names := ", ".join(row.name for row in rows if row.state is state):
                lines.append(f"{state.value}s: {names}")
        if lines or not options.quiet:
            lines.insert(0, f"{at} {socket.gethostname()} {host.release}")
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except OSError as error:
        # A full disk must not keep the alert from going out.
        complain(f"nothing can be printed: {error}")


def _alert(host: Host, checks: dict[str, list[Row]], rows: list[Row]) -> None:
    """Remember, then tell, then remember who was told: killed in between, one goes out twice, and none is lost."""
    channels = read_channels()
    settings, kept = host.settings, host.memory
    on = frozenset(State(word) for word in settings.alert_on)
    policy = alerts.Policy(on, settings.alert_repeat_hours * 3600, deploying=_deploying(host))
    after, news = alerts.step(kept.rows, checks, host.now, policy)
    kept = replace(kept, at=host.now, rows=after, seen={**kept.seen, **host.note})
    if news:
        left = sum(bool(record["told"]) for record in after.values())
        told = message.compose(news, left, host=socket.gethostname(), release=host.release, now=host.now)
        kept = replace(kept, spool=tell.add(kept.spool, told, channels.urls, host.now))
    _remember(kept)
    _tell(kept, channels, settings, rows)
    _remember(kept)


def _deploying(host: Host) -> bool:
    """Whether a run that lives holds the lock, for no longer than it should."""
    held = lock_holder()
    if held is None or held[1]:
        return False
    return lock_age(held[0], host.now) < host.settings.limits.lock_warn_minutes * 60


def _tell(kept: memory.Memory, channels: Channels, settings: Settings, rows: list[Row]) -> None:
    pinging = threading.Thread(target=_ping, args=(kept, channels, rows), daemon=True)
    pinging.start()
    kept.spool, problem = tell.flush(kept.spool, channels.urls, settings.alert_timeout)
    count = len(channels.urls)
    kept.told |= {"channels": problem, "channels_are": f"{count} set" if count else "none is set: health_alert_urls"}
    if problem:
        complain(f"not told yet, tried again by the next check: {problem}")
    pinging.join()


def _ping(kept: memory.Memory, channels: Channels, rows: list[Row]) -> None:
    why = ping.ping(channels.ping, rows) if channels.ping else ""
    kept.told |= {"ping_failed": why, "ping_is": "pinged" if channels.ping else "none is set: health_ping_url"}
    if why:
        complain(f"the dead man's switch was not reached: {why}")


def _remember(kept: memory.Memory) -> None:
    try:
        memory.save(kept)
    except OSError as error:
        # An alert may then go out twice; that is better than not at all.
        complain(f"what was found cannot be remembered: {error}")
