"""Deciding: from what was read to the orders that may be sent, and the resting ones that may not remain."""
