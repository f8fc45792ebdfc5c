"""Sending and canceling orders: the order manager, the order group and the kill file."""
