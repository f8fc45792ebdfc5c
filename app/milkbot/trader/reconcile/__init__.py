"""Reconciling with the exchange: the statement of the account, the evidence in it, and the findings."""
