"""The default forecaster: the market, sharpened, with the weather where it has a weight."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.forecast.moments import event, quote

from milkbot.domain.chances import to_one
from milkbot.forecast.anchored import Anchored, ParametersError, read, shipped
from milkbot.forecast.forecaster import NoForecast, load, parameters_hash
from milkbot.forecast.inputs import Inputs, Quote
from milkbot.forecast.market import Market
from milkbot.forecast.normal import Normal

QUOTES = tuple(quote(f"{mid - 0.01:.2f}", f"{mid + 0.01:.2f}") for mid in (0.02, 0.08, 0.20, 0.50, 0.18, 0.04))


def parameters(*stretches: tuple[float, float, float]) -> dict[str, Any]:
    """From which hours on, exponent and weight."""
    names = ("from_hours", "exponent", "weight")
    return {"form": 1, "stretches": [dict(zip(names, stretch, strict=True)) for stretch in stretches]}


def chances(inputs: Inputs, given: Mapping[str, Any]) -> list[float]:
    """The distribution, where there is one."""
    answer = Anchored(given).forecast(inputs)
    assert not isinstance(answer, NoForecast)
    return list(answer)


def answered(answer: Sequence[float] | NoForecast) -> list[float]:
    """An answer that is a distribution."""
    assert not isinstance(answer, NoForecast)
    return list(answer)


def test_an_exponent_of_one_without_weather_is_the_market_itself() -> None:
    seen = event(*QUOTES)
    assert chances(seen, parameters((0, 1, 0))) == pytest.approx(to_one(answered(Market().forecast(seen))))


def test_an_exponent_above_one_makes_the_likely_likelier_and_the_rest_less() -> None:
    seen = event(*QUOTES)
    sharp, market = chances(seen, parameters((0, 1.2, 0))), to_one(answered(Market().forecast(seen)))
    assert sharp[3] / sharp[2] == pytest.approx((market[3] / market[2]) ** 1.2)
    assert sharp[3] > market[3]
    assert sharp[0] < market[0]
    assert sum(sharp) == pytest.approx(1.0)


def test_a_weight_moves_the_market_towards_the_weather() -> None:
    seen = event(*QUOTES, mean_f=85.0)
    pool, market = chances(seen, parameters((0, 1, 0.5))), to_one(answered(Market().forecast(seen)))
    weather = answered(Normal().forecast(seen))
    assert pool[1] / pool[3] == pytest.approx(market[1] / market[3] * (weather[1] / weather[3]) ** 0.5)


def test_without_a_weight_no_weather_is_needed() -> None:
    assert not Anchored(parameters((0, 1.1, 0))).needs_weather
    assert sum(chances(event(*QUOTES, mean_f=None), parameters((0, 1.1, 0)))) == pytest.approx(1.0)


def test_with_a_weight_a_missing_forecast_of_the_weather_is_no_forecast() -> None:
    forecaster = Anchored(parameters((0, 1.1, 0.2)))
    assert forecaster.needs_weather
    assert isinstance(forecaster.forecast(event(*QUOTES, mean_f=None)), NoForecast)


@pytest.mark.parametrize(
    ("quotes", "reason"),
    [
        ((None,) * 6, "no bracket has a fresh quote"),
        ((*QUOTES[:2], None, quote(None, None), quote("0.18", "0.20", age=timedelta(minutes=3)), None),
         "too little market: 2 of 6 brackets have a fresh quote, expected half"),
        ((quote(None, "0.98"),) * 6, "no market: the mids sum to 2.94 dollars, expected 0.8 to 1.25"),
        ((quote("0.02", "0.03"),) * 6, "no market: the mids sum to 0.15 dollars, expected 0.8 to 1.25"),
    ],
    ids=["none", "few and old", "nobody bids", "half a ladder"],
)  # fmt: skip
def test_without_enough_of_a_market_there_is_no_forecast(quotes: tuple[Quote | None, ...], reason: str) -> None:
    assert Anchored(parameters((0, 1, 0))).forecast(event(*quotes)) == NoForecast(reason)


def test_an_event_of_two_brackets_is_forecast_too() -> None:
    seen = event(quote("0.79", "0.81"), quote("0.19", "0.21"))
    assert chances(seen, parameters((0, 1.5, 0)))[0] == pytest.approx(4**1.5 / (4**1.5 + 1))


def test_the_lead_time_chooses_the_stretch() -> None:
    seen = event(*QUOTES)  # 13 hours before the end of the day
    by_lead = parameters((20, 1.4, 0), (13, 1.3, 0), (0, 1.2, 0))
    assert chances(seen, by_lead) == pytest.approx(chances(seen, parameters((0, 1.3, 0))))
    assert chances(seen, parameters((20, 1.4, 0), (14, 1.3, 0))) == pytest.approx(
        chances(seen, parameters((0, 1.3, 0)))
    )


def test_the_shipped_parameters_say_what_they_were_fitted_to_and_are_what_the_host_stores() -> None:
    forecaster = load("anchored")
    assert forecaster.parameters == shipped()
    data = shipped()["data"]
    assert (data["kind"], data["events"], data["days"], len(data["sha256"])) == ("tape", 819, 183, 64)
    assert {"fitted_on", "walk_forward"} <= set(shipped())
    other = json.loads(json.dumps(shipped()))
    other["stretches"][0]["exponent"] += 0.0001
    assert parameters_hash(forecaster.parameters) != parameters_hash(other)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not readable"),
        ("{}", "form"),
        ('{"form": 2, "stretches": []}', "form 2, expected 1"),
        ('{"form": 1}', "stretches"),
        (json.dumps(parameters((5, 1, 0), (9, 1, 0))), "longest first"),
        (json.dumps(parameters((0, 0, 0))), "positive exponent"),
        (json.dumps(parameters((0, 1, -0.1))), "no negative weight"),
        ('{"form": 1, "stretches": [{"from_hours": 0, "exponent": NaN, "weight": 0}]}', "no number"),
    ],
)
def test_a_file_of_parameters_that_cannot_be_used_is_refused_with_its_fault(text: str, named: str) -> None:
    with pytest.raises(ParametersError, match=named):
        read(text)


def test_without_one_of_the_brackets_there_is_no_forecast() -> None:
    seen = event(*QUOTES)
    partly = replace(seen, brackets=seen.brackets[:-1])
    assert isinstance(Anchored(parameters((0, 1, 0))).forecast(partly), NoForecast)
