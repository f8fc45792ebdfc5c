"""Whatever the weather service answers, a call ends with a value or with an error that says so, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.any_reply import expect_a_value_or_words, names_of, replies
from tests.fakes import NOON, FakeClock
from tests.unit.weather.test_weather_client import BASE, DAY, NEW_YORK, POINT

from milkbot.http import Backoff
from milkbot.weather import wire
from milkbot.weather.client import WeatherClient

CALLS: dict[str, Callable[[WeatherClient], Any]] = {
    "point": lambda client: client.point(NEW_YORK),
    "high": lambda client: client.high_forecast(NEW_YORK, DAY),
    "low": lambda client: client.low_forecast(NEW_YORK, DAY),
    "measured": lambda client: client.measured(NEW_YORK, NOON - timedelta(hours=8), NOON),
}
_MODELS = (model for model in vars(wire).values() if isinstance(model, type) and issubclass(model, BaseModel))
NAMES = [*names_of(_MODELS), "type", "coordinates"]


@pytest.mark.parametrize("call", CALLS)
@settings(derandomize=True)
@given(data=st.data())
def test_any_reply_is_a_value_or_an_error_that_says_so(call: str, data: st.DataObject) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        # What leads to the grid is mostly right, or it would never be read.
        if request.url.path.startswith("/points") and data.draw(st.integers(0, 5)):
            return httpx2.Response(200, json=POINT)
        return data.draw(replies(NAMES))

    once = Backoff(attempts=1, base_seconds=0, longest_seconds=0)
    client = WeatherClient(BASE, "milkbot (a@example.org)", FakeClock(), 600, httpx2.MockTransport(answer), None, once)
    expect_a_value_or_words(lambda: CALLS[call](client))
