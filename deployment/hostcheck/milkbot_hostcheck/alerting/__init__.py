"""What the health check reports to the operator: alerts when a row changes, and a ping to a dead man's switch."""
