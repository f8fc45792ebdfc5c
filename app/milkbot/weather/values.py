"""The weather service's answers as plain values in degrees Fahrenheit and UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class GridPoint:
    """The forecast grid's cell that a station lies in."""

    office: str
    x: int
    y: int

    def __str__(self) -> str:
        return f"{self.office}/{self.x},{self.y}"


@dataclass(frozen=True, slots=True)
class ExtremeForecast:
    """The forecast high or low of one climate day. `issued_at` is the source's own update time, not ours.

    `falls_at`: when it is expected. `cell`: where in the grid it was read.
    """

    station: str
    climate_day: date
    degrees_f: float
    falls_at: datetime
    issued_at: datetime
    fetched_at: datetime
    cell: GridPoint | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One measured air temperature at a station, with the letter of its quality control where there is one."""

    station: str
    observed_at: datetime
    temperature_f: float
    quality: str = ""
