"""The names of strategies, as orders, signals and rollups carry them."""

from __future__ import annotations

from typing import Final

NORMAL_BY_LEAD: Final = "normal-by-lead"
"""The strategy that the trader follows."""
NO_STRATEGY: Final = "unknown"
"""For orders that are not ours, and their fills."""
