"""What a recording takes: `python -m tests.bench.record.bench [--minutes 1440]`, a run a virtual minute, all cities.

The simulated exchange has no socket here, so the seconds are the recorder's own and the simulator's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from tests.exchange import make_keys
from tests.in_process import ONCE, ORIGIN, opened_venue

from milkbot.recorder import files
from milkbot.recorder.run import READ_LIMIT, Recorder
from milkbot.recorder.verify import verify
from milkbot.settings import TRADED_SERIES
from milkbot.venue.transport import VenueSession
from milkbot.weather.client import WeatherClient

_PLENTY = 10**12


def main() -> None:
    """Record, and print a table for docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=1440)
    wanted = parser.parse_args().minutes
    series = TRADED_SERIES
    slowest, problems, began = 0.0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as kept:
        directory = Path(kept)
        root = directory / "recording"
        with opened_venue(directory / "state", make_keys(directory)) as venue:
            start = venue.now()
            for minute in range(wanted):
                venue.advance_to(max(start + timedelta(minutes=minute), venue.now()))
                session = VenueSession(f"{ORIGIN}/trade-api/v2", None, venue, venue.wire, ONCE)
                session.reads.resize(READ_LIMIT)
                weather = WeatherClient(f"{ORIGIN}/nws", "milkbot bench", venue, 0, venue.wire, backoff=ONCE)
                with closing(session), closing(weather):
                    before = venue.now()
                    problems += len(Recorder(root, session, weather, series, venue).run(_PLENTY).problems)
                slowest = max(slowest, (venue.now() - before).total_seconds())
        whole = [path for day in files.days(root) for path in files.hours(day) if path.name in files.read_sums(day)]
        raw = sum(len(part.content or b"") for path in whole for part in files.parts(path.read_bytes()))
        packed = sum(path.stat().st_size for path in whole)
        found = verify(root)
    a_day = 24 / len(whole) / len(series)
    print(f"{wanted} runs of {len(series)} cities in {time.monotonic() - began:.0f} s, {problems} problems")
    print(f"packed hours: {len(whole)}; damage {found.damage}; longest run {slowest:.1f} virtual s")
    print(f"bytes a day and city: {packed * a_day:.0f} packed, {raw * a_day:.0f} as JSON lines")
    print(", ".join(f"{count} {kind}" for kind, count in sorted(found.lines.items())))


if __name__ == "__main__":
    main()
