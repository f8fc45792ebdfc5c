"""Rollups of the facts, and the public service that reads them. Nothing here is younger than the public delay."""
