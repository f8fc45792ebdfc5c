"""What may be risked. Pure functions of their arguments; a denial has a typed code."""
