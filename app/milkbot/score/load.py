"""Finding what a folder holds of the recorded data, and reading it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from milkbot.score import charts, quotes, recorded, tape
from milkbot.score.events import DataError
from milkbot.score.recording import Recording

KINDS: Final[dict[str, tuple[str, Callable[[Path], Recording]]]] = {
    "tape": (tape.MARKETS, tape.read_tape),
    "quotes": (quotes.QUOTES, quotes.read_quotes),
    "charts": (charts.CHARTS, charts.read_charts),
    "recorder": (recorded.DAYS, recorded.read_recorded),
}
"""What shows that a folder holds a kind of data, and how it is read."""


def load(folder: Path, only: str | None = None) -> list[Recording]:
    """What the folder, or `history` in it, holds. Raises DataError for nothing, and for data that does not agree."""
    if only is not None and only not in KINDS:
        raise DataError(f"--set {only}: no such kind of data; expected {', '.join(KINDS)}")
    home = folder / "history" if (folder / "history").is_dir() else folder
    found = [read for kind, (pattern, read) in KINDS.items() if only in (None, kind) and next(home.glob(pattern), None)]
    if not found:
        wanted = [pattern for kind, (pattern, _) in KINDS.items() if only in (None, kind)]
        raise DataError(
            f"{home} holds no recorded data to score; expected {' or '.join(wanted)} there (docs/forecast.md)"
        )
    return [read(home) for read in found]
