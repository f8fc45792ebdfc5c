"""Which forecast office and grid cell each station lies in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from milkbot.domain.cities import City
from milkbot.simulator.faults import FaultRule
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
    "KMIA": Cell("MFL", 105, 51, "FL", 3.0),
    "KLAX": Cell("LOX", 149, 41, "CA", 38.1),
    "KAUS": Cell("EWX", 158, 87, "TX", 149.4),
    "KDEN": Cell("BOU", 75, 66, "CO", 1655.4),
    "KPHL": Cell("PHI", 48, 71, "PA", 3.0),
    "KATL": Cell("FFC", 49, 81, "GA", 307.8),
    "KBOS": Cell("BOX", 73, 101, "MA", 3.7),
    "KMSP": Cell("MPX", 110, 68, "MN", 265.8),
    "KPHX": Cell("PSR", 161, 57, "AZ", 337.4),
    "KSEA": Cell("SEW", 124, 60, "WA", 112.8),
    "KSFO": Cell("MTR", 85, 98, "CA", 2.4),
}
"""Cells that were read at the service."""


def station_cell(city: City) -> Cell:
    """The cell of a city's station; where nobody read the real one, a made-up one of its own."""
    made_up = Cell(city.station[1:], round(10 * city.latitude) % 400, round(-10 * city.longitude) % 400, "US", 100.0)
    return CELLS.get(city.station, made_up)


ROWS_MOVED = 8
"""By how many rows grid_moved renumbers the cells: 20 km."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a cell's number stands for. At sea it is near a station, but not the station's."""

    city: City
    cell: Cell
    at_sea: bool = False


def cell_of(city: City, moved: FaultRule | None) -> Cell:
    """The cell of a city's station; with a rule of grid_moved by its new number."""
    cell = station_cell(city)
    return cell if moved is None else replace(cell, y=cell.y + ROWS_MOVED)


def city_at(cities: tuple[City, ...], latitude: float, longitude: float) -> City:
    """The city whose station lies at a point. Raises ProblemError for any other place."""
    for city in cities:
        if abs(city.latitude - latitude) <= NEAR_DEGREES and abs(city.longitude - longitude) <= NEAR_DEGREES:
            return city
    raise invalid_point(f"Unable to provide data for requested point {latitude},{longitude}")


def place_in(cities: tuple[City, ...], office: str, x: int, y: int, moved: FaultRule | None) -> Place:
    """The place of a grid cell. Raises ProblemError for a number that no cell has."""
    for city in cities:
        old, new = station_cell(city), cell_of(city, moved)
        if (new.office, new.x, new.y) == (office, x, y):
            return Place(city, new)
        if moved is not None and moved.marine and (old.office, old.x, old.y) == (office, x, y):
            return Place(city, old, at_sea=True)
    raise not_found(f"No grid data for {office}/{x},{y}")


def city_with(cities: tuple[City, ...], station: str) -> City:
    """The city of a station. Raises ProblemError for any other station."""
    for city in cities:
        if city.station == station:
            return city
    raise not_found(f"Station {station} is not known")
