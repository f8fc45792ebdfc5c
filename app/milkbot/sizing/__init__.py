"""How much to buy. Pure functions of their arguments."""
