"""The National Weather Service: the only door to the weather."""
