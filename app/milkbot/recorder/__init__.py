"""The recorder: what the exchange and the weather service say, kept for backtests. It needs no key."""
