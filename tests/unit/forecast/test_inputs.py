"""What a forecaster is given is what was known at the moment, and nothing later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.forecast.moments import NOON, event, quote

from milkbot.forecast.inputs import Inputs

SECOND = timedelta(seconds=1)


def test_lead_counts_to_the_midnight_that_ends_the_climate_day_in_standard_time() -> None:
    assert event().lead == timedelta(hours=13)


def test_local_time_is_that_of_the_citys_clocks_in_summer() -> None:
    assert event().local_time.hour == 12


def with_late_quote() -> Inputs:
    """A quote of a second after the moment."""
    return event(quote("0.20", "0.30", age=-SECOND))


def with_late_forecast() -> Inputs:
    """A forecast that was received a second after the moment."""
    seen = event()
    return replace(seen, forecasts=(replace(seen.forecasts[0], received_at=NOON + SECOND),))


def with_late_measurement() -> Inputs:
    """A measurement that was received a second after the moment."""
    seen = event(so_far_f=80.0)
    assert seen.measured is not None
    return replace(seen, measured=replace(seen.measured, received_at=NOON + SECOND))


@pytest.mark.parametrize("late", [with_late_quote, with_late_forecast, with_late_measurement])
def test_what_was_received_after_the_moment_is_no_input_of_it(late: Callable[[], Inputs]) -> None:
    with pytest.raises(ValueError, match="was received at 2026-07-16 16:00:01 UTC, after the moment"):
        late()


def test_an_empty_side_counts_as_its_bound_in_a_mid() -> None:
    assert float(quote(None, "0.01").mid or -1) == 0.005
    assert float(quote("0.99", None).mid or -1) == 0.995
    assert quote(None, None).mid is None
