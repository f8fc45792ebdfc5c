"""From a forecast to a probability for each bracket. Pure functions of their arguments."""
