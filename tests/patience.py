"""How long a test waits for what must come."""

from __future__ import annotations

PATIENCE = 600.0
"""Seconds. It ends a test that hangs; it is no measure of anything, so a busy machine must never reach it."""
