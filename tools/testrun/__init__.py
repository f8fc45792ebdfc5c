"""Runs the parts of the test suite side by side and reports how each one went."""
