"""Kalshi: the only door to the exchange. Signing, transport, wire models and rate limits live here."""
