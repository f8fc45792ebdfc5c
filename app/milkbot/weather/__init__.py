"""The National Weather Service: the only client of it."""
