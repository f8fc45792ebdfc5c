"""A profile of Hypothesis for the mutation run."""

from __future__ import annotations

from hypothesis import settings

# A mutant is tried thousands of times in all: few examples, and the same ones each time.
settings.register_profile(
    "mutation", settings.get_profile("any-machine"), max_examples=25, derandomize=True, database=None
)
