"""GeoJSON as the weather service sends it: Celsius to full precision in the raw grid, to a tenth in observations."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from milkbot.domain.cities import City
from milkbot.simulator.nws.grid import Cell, Place, station_cell
from milkbot.simulator.weather import Forecast, Reading

Body = dict[str, Any]

CONTEXT = [
    "https://geojson.org/geojson-ld/geojson-context.jsonld",
    {
        "@version": "1.1",
        "wx": "https://api.weather.gov/ontology#",
        "unit": "http://codes.wmo.int/common/unit/",
        "@vocab": "https://api.weather.gov/ontology#",
    },
]
DAY_STARTS, DAY_HOURS = 7, 13
NIGHT_STARTS, NIGHT_HOURS = 19, 14
HALF_CELL = 0.0125
DEGREES_TO_SEA = 0.3
"""How far east of the station the cell at sea lies: some 25 km."""
POINT_DECIMALS = 4


def point(base: str, city: City, cell: Cell, latitude: float, longitude: float) -> Body:
    """GET /points: the way to the grid."""
    here = f"{base}/points/{degrees(latitude)},{degrees(longitude)}"
    grid = grid_url(base, cell)
    return {
        "@context": CONTEXT,
        "id": here,
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
        "properties": {
            "@id": here,
            "@type": "wx:Point",
            "cwa": cell.office,
            "forecastOffice": f"{base}/offices/{cell.office}",
            "gridId": cell.office,
            "gridX": cell.x,
            "gridY": cell.y,
            "forecast": f"{grid}/forecast",
            "forecastHourly": f"{grid}/forecast/hourly",
            "forecastGridData": grid,
            "observationStations": f"{grid}/stations",
            "relativeLocation": {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [city.longitude, city.latitude]},
                "properties": {
                    "city": city.name,
                    "state": cell.state,
                    "distance": {"unitCode": "wmoUnit:m", "value": 0},
                    "bearing": {"unitCode": "wmoUnit:degree_(angle)", "value": 0},
                },
            },
            "timeZone": city.time_zone,
        },
    }


def gridpoint(base: str, place: Place, forecast: Forecast) -> Body:
    """GET /gridpoints: the raw layers that the simulator has, or those that were recorded."""
    if forecast.raw is not None:
        return forecast.raw
    city, cell = place.city, place.cell
    first, last = _valid(city, forecast)
    return {
        "@context": CONTEXT,
        "id": grid_url(base, cell),
        "type": "Feature",
        "geometry": _square(city, DEGREES_TO_SEA if place.at_sea else 0.0),
        "properties": {
            "@id": grid_url(base, cell),
            "@type": "wx:Gridpoint",
            "updateTime": iso(forecast.issued_at),
            "validTimes": f"{iso(first)}/{_duration(last - first)}",
            "elevation": {"unitCode": "wmoUnit:m", "value": cell.elevation},
            "forecastOffice": f"{base}/offices/{cell.office}",
            "gridId": cell.office,
            "gridX": str(cell.x),
            "gridY": str(cell.y),
            "temperature": _layer([(hour, 1, value) for hour, value in forecast.hourly.items()]),
            "maxTemperature": _layer(_daily(city, forecast.highs, DAY_STARTS, DAY_HOURS)),
            "minTemperature": _layer(_daily(city, forecast.lows, NIGHT_STARTS - 24, NIGHT_HOURS)),
        },
    }


def periods(city: City, forecast: Forecast, now: datetime, *, hourly: bool, si: bool) -> Body:
    """GET /gridpoints/.../forecast: half days, or hours, in whole degrees."""
    zone = ZoneInfo(city.time_zone)
    rows = _hours(forecast) if hourly else _half_days(city, forecast, now)
    shown = [
        {
            "number": number,
            "name": "" if hourly else _name(start.astimezone(zone), is_day=is_day),
            "startTime": start.astimezone(zone).isoformat(),
            "endTime": end.astimezone(zone).isoformat(),
            "isDaytime": is_day,
            "temperature": round(celsius(value)) if si else value,
            "temperatureUnit": "C" if si else "F",
            "temperatureTrend": None,
            "shortForecast": "",
            "detailedForecast": "",
        }
        for number, (start, end, value, is_day) in enumerate(rows, start=1)
    ]
    first, last = _valid(city, forecast)
    return {
        "@context": CONTEXT,
        "type": "Feature",
        "geometry": _square(city),
        "properties": {
            "units": "si" if si else "us",
            "forecastGenerator": "HourlyForecastGenerator" if hourly else "BaselineForecastGenerator",
            "generatedAt": iso(now),
            "updateTime": iso(forecast.issued_at),
            "validTimes": f"{iso(first)}/{_duration(last - first)}",
            "elevation": {"unitCode": "wmoUnit:m", "value": station_cell(city).elevation},
            "periods": shown,
        },
    }


def stations(base: str, city: City) -> Body:
    """GET /gridpoints/.../stations: the one station that settles."""
    here = f"{base}/stations/{city.station}"
    feature = {
        "id": here,
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [city.longitude, city.latitude]},
        "properties": {
            "@id": here,
            "@type": "wx:ObservationStation",
            "elevation": {"unitCode": "wmoUnit:m", "value": station_cell(city).elevation},
            "stationIdentifier": city.station,
            "name": city.rules_phrases[0],
            "timeZone": city.time_zone,
        },
    }
    return {"@context": CONTEXT, "type": "FeatureCollection", "features": [feature], "observationStations": [here]}


def observations(base: str, city: City, readings: list[Reading]) -> Body:
    """GET /stations/.../observations: newest first."""
    features = [observation(base, city, reading) for reading in readings]
    return {"@context": CONTEXT, "type": "FeatureCollection", "features": features}


def observation(base: str, city: City, reading: Reading) -> Body:
    """One measurement: taken in whole Fahrenheit, sent in tenths of a degree Celsius; a recorded one as it was."""
    if reading.raw is not None:
        return reading.raw
    here = f"{base}/stations/{city.station}/observations/{iso(reading.at)}"
    return {
        "id": here,
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [city.longitude, city.latitude]},
        "properties": {
            "@id": here,
            "@type": "wx:ObservationStation",
            "elevation": {"unitCode": "wmoUnit:m", "value": station_cell(city).elevation},
            "station": f"{base}/stations/{city.station}",
            "stationId": city.station,
            "stationName": city.rules_phrases[0],
            "timestamp": iso(reading.at),
            "rawMessage": "",
            "textDescription": "",
            "presentWeather": [],
            "temperature": {
                "unitCode": "wmoUnit:degC",
                "value": round(celsius(reading.fahrenheit), 1),
                "qualityControl": reading.flag,
            },
            "maxTemperatureLast24Hours": {"unitCode": "wmoUnit:degC", "value": None},
            "minTemperatureLast24Hours": {"unitCode": "wmoUnit:degC", "value": None},
        },
    }


def grid_url(base: str, cell: Cell) -> str:
    """The address of a grid cell."""
    return f"{base}/gridpoints/{cell.office}/{cell.x},{cell.y}"


def degrees(coordinate: float) -> str:
    """A coordinate with the at most four decimals that the service takes."""
    return f"{coordinate:.{POINT_DECIMALS}f}".rstrip("0").rstrip(".")


def celsius(fahrenheit: float) -> float:
    """Degrees Celsius."""
    return (fahrenheit - 32) / 1.8


def iso(moment: datetime) -> str:
    """UTC with its offset written out."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _layer(rows: list[tuple[datetime, int, int]]) -> Body:
    values = [{"validTime": f"{iso(start)}/PT{hours}H", "value": celsius(value)} for start, hours, value in rows]
    return {"uom": "wmoUnit:degC", "values": values}


def _daily(city: City, values: dict[date, int], starts: int, hours: int) -> list[tuple[datetime, int, int]]:
    return [(city.day_bounds(day)[0] + timedelta(hours=starts), hours, value) for day, value in values.items()]


def _hours(forecast: Forecast) -> list[tuple[datetime, datetime, int, bool]]:
    return [(hour, hour + timedelta(hours=1), value, False) for hour, value in forecast.hourly.items()]


def _half_days(city: City, forecast: Forecast, now: datetime) -> list[tuple[datetime, datetime, int, bool]]:
    """06:00 to 18:00 and 18:00 to 06:00 local standard time, those that are not over."""
    half = timedelta(hours=12)
    rows = []
    for day, high in forecast.highs.items():
        morning = city.day_bounds(day)[0] + timedelta(hours=6)
        rows.append((morning, morning + half, high, True))
        if day + timedelta(days=1) in forecast.lows:
            rows.append((morning + half, morning + 2 * half, forecast.lows[day + timedelta(days=1)], False))
    return [row for row in rows if row[1] > now]


def _valid(city: City, forecast: Forecast) -> tuple[datetime, datetime]:
    days = list(forecast.highs)
    return forecast.issued_at.replace(minute=0), city.day_bounds(days[-1])[1] if days else forecast.issued_at


def _duration(span: timedelta) -> str:
    hours = span // timedelta(hours=1)
    return f"P{hours // 24}DT{hours % 24}H"


def _name(local: datetime, *, is_day: bool) -> str:
    return f"{local:%A}" if is_day else f"{local:%A} Night"


def _square(city: City, east_by: float = 0.0) -> Body:
    west, east = city.longitude + east_by - HALF_CELL, city.longitude + east_by + HALF_CELL
    south, north = city.latitude - HALF_CELL, city.latitude + HALF_CELL
    ring = [[west, north], [west, south], [east, south], [east, north], [west, north]]
    return {"type": "Polygon", "coordinates": [[[round(x, 4), round(y, 4)] for x, y in ring]]}
