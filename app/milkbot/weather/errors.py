"""What can go wrong at the weather service."""

from __future__ import annotations

from milkbot.errors import VenueUnavailableError


class WeatherReadError(VenueUnavailableError):
    """The weather service did not answer, refused, or said something that is not understood."""


class NotFoundError(WeatherReadError):
    """The weather service has nothing under that path."""


class ElsewhereError(WeatherReadError):
    """What the weather service answered is of another place than the station's."""
