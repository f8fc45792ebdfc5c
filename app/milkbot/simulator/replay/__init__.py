"""A recorded real day as a world: its brackets, quotes, forecasts and outcome."""
