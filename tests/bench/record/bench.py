"""What a recording takes: `python -m tests.bench.record.bench [--minutes 10080] [--all]`, a run a virtual minute.

Without `--all` it records what TRADING_SERIES names by default, with it all highs and lows. The simulated exchange
has no socket here, so the seconds are the recorder's own and the simulator's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from tests.exchange import make_keys
from tests.in_process import ONCE, ORIGIN, opened_venue
from tests.property.inprocess import one_thread

from milkbot.domain.cities import all_series, series_of
from milkbot.recorder import files
from milkbot.recorder.run import READ_LIMIT, Recorder
from milkbot.recorder.verify import verify
from milkbot.settings import TRADED_SERIES
from milkbot.venue.transport import VenueSession
from milkbot.weather.client import WeatherClient

_PLENTY = 10**12


def main() -> None:
    """Record, and print a table for docs/recording.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=7 * 1440)
    parser.add_argument("--all", action="store_true")
    chosen = parser.parse_args()
    wanted = chosen.minutes
    series = tuple(one.ticker for one in all_series()) if chosen.all else TRADED_SERIES
    cities = len({series_of(ticker).city for ticker in series})
    slowest, problems, began = 0.0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as kept, one_thread():
        directory = Path(kept)
        root = directory / "recording"
        with opened_venue(directory / "state", make_keys(directory)) as venue:
            start = venue.now()
            for minute in range(wanted):
                venue.advance_to(max(start + timedelta(minutes=minute), venue.now()))
                session = VenueSession(f"{ORIGIN}/trade-api/v2", None, venue, venue.wire, ONCE)
                session.reads.resize(READ_LIMIT)
                weather = WeatherClient(
                    f"{ORIGIN}/nws",
                    "milkbot bench",
                    venue,
                    0,
                    venue.wire,
                    cache_directory=directory / "cache",
                    backoff=ONCE,
                )
                with closing(session), closing(weather):
                    before = venue.now()
                    problems += len(Recorder(root, session, weather, series, venue).run(_PLENTY).problems)
                slowest = max(slowest, (venue.now() - before).total_seconds())
            days = [day for day in map(_Day, files.days(root)) if day.hours]
        found = verify(root)
    print(f"{wanted} runs of {len(series)} series in {cities} cities in {time.monotonic() - began:.0f} s", end="; ")
    print(f"{problems} problems, damage {found.damage}, longest run {slowest:.1f} virtual s")
    for day in days:
        print(f"{day.name}: {day.hours} packed hours, {day.per_hour * 24 / cities:.0f} bytes a day and city")
    if not days:
        return
    hours = sum(day.hours for day in days)
    packed, raw = (sum(sizes) * 24 / hours / cities for sizes in ((d.packed for d in days), (d.raw for d in days)))
    print(f"bytes a day and city: {packed:.0f} packed, {raw:.0f} as JSON lines")
    kinds = sum((day.kinds for day in days), Counter[str]())
    shares = ", ".join(f"{kind} {size / kinds.total():.1%}" for kind, size in kinds.most_common())
    print(f"of the JSON lines: {shares}")
    print(", ".join(f"{count} {kind}" for kind, count in sorted(found.lines.items())))


class _Day:
    """The packed hours of a day: their bytes, as they are and as JSON lines, and those of each kind."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        whole = [hour for hour in files.hours(path) if hour.name in files.read_sums(path)]
        self.hours = len(whole)
        self.packed = sum(hour.stat().st_size for hour in whole)
        self.kinds: Counter[str] = Counter()
        for hour in whole:
            for line in files.read_lines(hour):
                self.kinds[line.kind] += len(line.text().encode())
        self.raw = self.kinds.total()

    @property
    def per_hour(self) -> float:
        """Bytes of an hour in the mean."""
        return self.packed / self.hours


if __name__ == "__main__":
    main()
