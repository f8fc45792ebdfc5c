"""Profiles of Hypothesis for the unit tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A mutant is tried thousands of times in all: few examples, the same ones each time, and no clock.
settings.register_profile(
    "mutation",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
