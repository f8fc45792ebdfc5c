"""Which forecast office and grid cell each station lies in."""

from __future__ import annotations

from dataclasses import dataclass

from milkbot.domain.cities import City
from milkbot.simulator.nws.problems import invalid_point, not_found

NEAR_DEGREES = 0.03
"""Half of the side of a cell, a little generous: the real grid's cells are 2.5 km wide."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of an office's grid, with the state and elevation in metres that replies show."""

    office: str
    x: int
    y: int
    state: str
    elevation: float


CELLS = {
    "KNYC": Cell("OKX", 34, 45, "NY", 47.5),
    "KMDW": Cell("LOT", 72, 69, "IL", 188.1),
    "KMIA": Cell("MFL", 106, 51, "FL", 3.0),
    "KLAX": Cell("LOX", 148, 41, "CA", 38.1),
    "KAUS": Cell("EWX", 159, 88, "TX", 149.4),
    "KDEN": Cell("BOU", 74, 66, "CO", 1655.4),
    "KPHL": Cell("PHI", 48, 71, "PA", 3.0),
}


def city_at(cities: tuple[City, ...], latitude: float, longitude: float) -> City:
    """The city whose station lies at a point. Raises ProblemError for any other place."""
    for city in cities:
        if abs(city.latitude - latitude) <= NEAR_DEGREES and abs(city.longitude - longitude) <= NEAR_DEGREES:
            return city
    raise invalid_point(f"Unable to provide data for requested point {latitude},{longitude}")


def city_in(cities: tuple[City, ...], office: str, x: int, y: int) -> City:
    """The city of a grid cell. Raises ProblemError for any other cell."""
    for city in cities:
        cell = CELLS[city.station]
        if (cell.office, cell.x, cell.y) == (office, x, y):
            return city
    raise not_found(f"No grid data for {office}/{x},{y}")


def city_with(cities: tuple[City, ...], station: str) -> City:
    """The city of a station. Raises ProblemError for any other station."""
    for city in cities:
        if city.station == station:
            return city
    raise not_found(f"Station {station} is not known")
