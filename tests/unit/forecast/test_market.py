"""The market as a forecaster: the mids, and what counts where there is none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.forecast.moments import event, quote

from milkbot.domain.chances import LEAST
from milkbot.forecast.forecaster import NoForecast
from milkbot.forecast.inputs import Inputs, Quote
from milkbot.forecast.market import Market


def chances(inputs: Inputs) -> list[float]:
    """The distribution, where there is one."""
    answer = Market().forecast(inputs)
    assert not isinstance(answer, NoForecast)
    return list(answer)


def test_mids_that_sum_to_one_are_the_forecast() -> None:
    assert chances(event(quote("0.20", "0.30"), quote("0.70", "0.80"))) == pytest.approx([0.25, 0.75])


def test_an_overround_is_left_to_who_uses_the_prices() -> None:
    assert chances(event(quote("0.30", "0.40"), quote("0.70", "0.80"))) == [0.35, 0.75]


@pytest.mark.parametrize(
    "unpriced", [None, quote(None, None), quote("0.50", "0.60", age=timedelta(minutes=3))], ids=["none", "empty", "old"]
)
def test_a_bracket_without_a_fresh_quote_counts_for_the_floor(unpriced: Quote | None) -> None:
    seen = event(quote("0.60", "0.64"), unpriced)
    assert chances(seen) == [0.62, LEAST]


def test_a_sub_cent_price_counts_for_no_less_than_the_floor() -> None:
    assert chances(event(quote("0.001", "0.002"), quote("0.99", "0.995"))) == [LEAST, 0.9925]


def test_an_event_without_any_fresh_quote_has_no_forecast() -> None:
    answer = Market().forecast(event(None, quote(None, None)))
    assert answer == NoForecast("no bracket has a fresh quote")


def test_a_missing_forecast_of_the_weather_does_not_matter() -> None:
    assert not Market().needs_weather
    assert sum(chances(event(quote("0.20", "0.30"), quote("0.70", "0.80"), mean_f=None))) == pytest.approx(1.0)
