"""Kalshi: the only client of the exchange. Signing, transport, wire models and rate limits live here."""
