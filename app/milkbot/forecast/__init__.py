"""Forecasters: from what was known of an event to a probability for each of its brackets. Pure functions of it."""
