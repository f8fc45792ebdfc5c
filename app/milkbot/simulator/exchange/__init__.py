"""The exchange's HTTP surface under /trade-api/v2."""
