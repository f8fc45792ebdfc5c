"""The exchange's JSON of 2026, one model for each object: decimal text becomes exact values at this edge."""
