"""The real loop on a virtual clock: a history before the first day, and recorded days traded through."""
