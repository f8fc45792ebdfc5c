"""A local exchange and a local weather service that speak the real wire formats of 2026. A process of its own."""
