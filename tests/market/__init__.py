"""How much a market knows and what it costs to trade there: the same figures of the simulated and the recorded one."""
