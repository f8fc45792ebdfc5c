"""The hidden truth: seeded weather, the forecasts that err about it, and the makers who trade on it."""
