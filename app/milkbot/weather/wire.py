"""The parts of the weather service's JSON that are read, and its units."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


Finite = Annotated[float, AfterValidator(_finite)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, defer_build=True)


class Point(_Model):
    """`properties` of /points/{latitude},{longitude}."""

    office: str = Field(alias="gridId", min_length=1)
    x: int = Field(alias="gridX")
    y: int = Field(alias="gridY")


class PointReply(_Model):
    """GET /points/{latitude},{longitude}."""

    properties: Point


class GridValue(_Model):
    """One value of a layer with the interval that it holds for."""

    valid_time: str = Field(alias="validTime")
    value: Finite | None = None


class GridLayer(_Model):
    """One quantity of the raw grid. A layer that the office does not fill has no unit and no values."""

    unit: str | None = Field(default=None, alias="uom")
    values: tuple[GridValue, ...] = ()


class Grid(_Model):
    """`properties` of the raw grid. `update_time` is when the office last changed the forecast."""

    update_time: AwareDatetime = Field(alias="updateTime")
    max_temperature: GridLayer = Field(alias="maxTemperature")
    min_temperature: GridLayer = Field(alias="minTemperature", default_factory=GridLayer)
    temperature: GridLayer = Field(default_factory=GridLayer)


class CellShape(_Model):
    """The outline of a cell: rings of longitude and latitude in degrees, the first of them the outer one."""

    type: Literal["Polygon"]
    coordinates: Annotated[tuple[tuple[tuple[Finite, Finite], ...], ...], Field(min_length=1)]


class GridReply(_Model):
    """GET /gridpoints/{office}/{x},{y}: the raw grid, not its /forecast."""

    geometry: CellShape
    properties: Grid


class Measurement(_Model):
    """A measured quantity with its unit and its quality code (MADIS letters, older replies write qc:V)."""

    value: Finite | None = None
    unit: str = Field(default="", alias="unitCode")
    quality: str | None = Field(default=None, alias="qualityControl")

    @property
    def letter(self) -> str:
        """The quality code as one letter; empty where there is none."""
        return (self.quality or "").removeprefix("qc:")


class ObservationProperties(_Model):
    """`properties` of one observation; a report that was not understood has neither time nor temperature."""

    timestamp: AwareDatetime | None = None
    temperature: Measurement | None = None


class ObservationFeature(_Model):
    """One observation."""

    properties: ObservationProperties


class ObservationsReply(_Model):
    """GET /stations/{station}/observations. Features remain raw: an odd one does not take the others with it."""

    features: tuple[object, ...]


def fahrenheit(value: float, unit: str) -> float:
    """Degrees Fahrenheit from a value in wmoUnit:degC, unit:degC or short. Raises ValueError for another unit."""
    name = unit.rpartition(":")[2]
    if name == "degC":
        return value * 9 / 5 + 32
    if name == "degF":
        return value
    raise ValueError(f"temperature has unit {unit!r}, expected degC or degF")
