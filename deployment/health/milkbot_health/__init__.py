"""The health check of the platform: rows, alerts when one changes, and a ping to a dead man's switch.

Runs as root by the host's own Python (3.10 or later) and its standard library, so that it works when the release does
not. docs/health.md says what each row looks at.
"""
