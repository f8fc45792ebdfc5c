"""Runs the parts of the test suite side by side and tells how each one went."""
