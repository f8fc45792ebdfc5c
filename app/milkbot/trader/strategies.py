"""The names of strategies, as orders, signals and rollups carry them."""

from __future__ import annotations

from typing import Final

NORMAL_BY_LEAD: Final = "normal-by-lead"
"""The strategy by the forecaster `normal`: orders and rollups had this name before there were others."""
NO_STRATEGY: Final = "unknown"
"""For orders that are not ours, and their fills."""


def strategy_of(forecaster: str) -> str:
    """The strategy that trades by a forecaster's probabilities: it has the forecaster's name."""
    return NORMAL_BY_LEAD if forecaster == "normal" else forecaster
