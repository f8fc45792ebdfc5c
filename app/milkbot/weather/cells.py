"""Whether a cell of the forecast grid is the one that a station lies in."""

from __future__ import annotations

import math
from typing import Final

from milkbot.domain.cities import City
from milkbot.weather.errors import ElsewhereError
from milkbot.weather.wire import CellShape

CELL_KM: Final = 2.5
FARTHEST_KM: Final = 2 * CELL_KM
"""How far the centre of a station's cell may be from the station.

In its own cell that is half a diagonal, 1.8 km. The service's grid and the outlines that it draws may be a cell apart:
a recorded point lies 2.9 km from the centre of the cell that the service names for it. Renumbered grids move further,
and the stations of cities.toml, which give their coordinates to 10 m, are more than 100 km apart.
"""
_KM_PER_DEGREE: Final = 111.2


def check_cell(city: City, name: str, shape: CellShape) -> None:
    """Raises ElsewhereError for a cell that is not the one of the city's station."""
    distance = _distance_km(city, shape)
    if distance > FARTHEST_KM:
        raise ElsewhereError(
            f"weather service: cell {name} lies {distance:.0f} km from station {city.station}, "
            f"expected {FARTHEST_KM:g} km at most: the grid was renumbered"
        )


def _distance_km(city: City, shape: CellShape) -> float:
    """From the station to the middle of the cell's outline; good to a percent within some hundred kilometres."""
    longitudes, latitudes = zip(*shape.coordinates[0], strict=True)
    north = (min(latitudes) + max(latitudes)) / 2 - city.latitude
    east = ((min(longitudes) + max(longitudes)) / 2 - city.longitude) * math.cos(math.radians(city.latitude))
    return _KM_PER_DEGREE * math.hypot(north, east)
