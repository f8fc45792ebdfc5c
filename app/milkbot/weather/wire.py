"""The parts of the weather service's JSON that are read, and its units."""

from __future__ import annotations

import math
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

_REJECTED: Final = frozenset({"X", "Q", "B"})


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


Finite = Annotated[float, AfterValidator(_finite)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


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


class GridReply(_Model):
    """GET /gridpoints/{office}/{x},{y}: the raw grid, not its /forecast."""

    properties: Grid


class Measurement(_Model):
    """A measured quantity with its unit and its quality code (MADIS letters, older replies write qc:V)."""

    value: Finite | None = None
    unit: str = Field(default="", alias="unitCode")
    quality: str = Field(default="", alias="qualityControl")

    @property
    def usable(self) -> bool:
        """Whether there is a value that quality control did not reject (X), question (Q) or judge bad (B)."""
        return self.value is not None and self.quality.removeprefix("qc:") not in _REJECTED


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
