"""All tables, for the migrations' comparison and for whoever wants the metadata."""

from __future__ import annotations

from milkbot.db import evidence_tables, forecast_tables, ops, risk_tables, rollup_tables
from milkbot.db.base import Base

metadata = Base.metadata

__all__ = ["Base", "evidence_tables", "forecast_tables", "metadata", "ops", "risk_tables", "rollup_tables"]
