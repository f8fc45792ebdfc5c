"""Judges this host: rows with limits for the health check, causes in order for the diagnosis.

It runs by the host's own Python (3.10 or later) and its standard library, so that it works when the release does not.
docs/health.md explains each row, docs/diagnose.md the causes.
"""
