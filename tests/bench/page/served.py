"""The platform of one release, for the bench: its own program starts it, in its own environment, on its own facts.

`python -m tests.bench.page.releases` runs this file with the Python of a release's checkout, and in that checkout. It
imports only what each release has. It writes one line of JSON: where dashboard, API and database are. The database has
a month of test facts, or nothing with the argument `empty`. Each line that is read then is done, and answered: `trade`
stores one more public trade, `rebuild` makes all rollups anew. It ends at the end of its input.
"""

import json
import socket
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from tests.e2e import local_platform
from tests.e2e.local_platform import running_platform, write_a_month
from tests.facts import Facts, hours_ago, market
from tests.postgres import running_cluster

from milkbot.analytics.rollups import run_rollups
from milkbot.db.session import make_engine

BANKROLL = Decimal("992.10")
MOST_SECONDS = 600


def main() -> None:
    """Serve until the input ends."""
    # On a busy machine a start takes longer than a release before waits.
    if hasattr(local_platform, "START_SECONDS"):
        local_platform.START_SECONDS = MOST_SECONDS
    with running_cluster() as cluster, cluster.database() as database, tempfile.TemporaryDirectory() as home:
        if "empty" not in sys.argv:
            write_a_month(database)
        facts = Facts(database.engine(), prefix="bench-")
        address = database.address("milkbot_rollups")
        rollups = make_engine(address, application="bench", statement_timeout_ms=MOST_SECONDS * 1000)
        with running_platform(database, Path(home), refresh_seconds=30) as platform:
            services = {"dashboard": platform.dashboard, "api": platform.api}
            for one in services.values():
                # As their socket units have it: else each answer waits 44 ms for a packet that is full.
                one.listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found = {name: {"url": one.url, "pid": one.process.pid} for name, one in services.items() if one.process}
            place = {"socket_directory": str(database.socket_directory), "name": database.name}
            print(json.dumps({**found, "database": place}), flush=True)
            for number, line in enumerate(sys.stdin):
                if line.strip() == "rebuild":
                    _rebuild(rollups)
                else:
                    facts.fill(market("NYC", hours_ago(30).date(), f"B{40 + number % 40}.5"), hours_ago(1.5))
                    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="completed")
                    run_rollups(rollups, bankroll=BANKROLL)
                print("done", flush=True)


def _rebuild(rollups: Engine) -> None:
    """All rollups of a ledger that was written without triggers."""
    try:
        from milkbot.analytics.rebuild import rebuild  # noqa: PLC0415 - a release before has none
    except ImportError:
        run: Any = run_rollups
        run(rollups, bankroll=BANKROLL, everything=True)
    else:
        rebuild(rollups, bankroll=BANKROLL)


if __name__ == "__main__":
    main()
