"""A profile of Hypothesis for the mutation run."""

from __future__ import annotations

from hypothesis import Phase, settings

# A mutant is tried thousands of times in all: few examples, the same ones each time, and none made smaller.
settings.register_profile(
    "mutation",
    settings.get_profile("any-machine"),
    max_examples=25,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
