"""How faults are played. `milkbot.simulator.faults` says which there are and when they fire."""
