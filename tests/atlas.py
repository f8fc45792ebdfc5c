"""The table of cities with more rows, for a block: what an operator's edit of cities.toml does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from milkbot.domain import cities

XANADU = """
[[city]]
code = "XAN"
name = "Xanadu"
high = "KXHIGHTXAN"
low = "KXLOWTXAN"
station = "KXAN"
climate_report = "CLIXAN"
latitude = 41.5
longitude = -100.25
utc_offset_hours = -6
time_zone = "America/Chicago"
cluster = "plains"
rules_phrases = ["CLIXAN"]
record_high_f = 112
record_low_f = -30
evidence = ["a test", "its author"]
"""
"""A city that does not exist."""


@contextmanager
def table_with(directory: Path, rows: str) -> Iterator[None]:
    """Let this whole process know the table with those rows after its own. Nothing may be cached across the block."""
    table = directory / "cities.toml"
    table.write_text(cities.TABLE.read_text("utf-8") + rows, "utf-8")
    try:
        with patch.object(cities, "TABLE", table):
            cities.forget_table()
            yield
    finally:
        cities.forget_table()
