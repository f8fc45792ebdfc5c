"""One tick: reconcile, observe, decide, send. It joins the pure parts to the exchange, the weather and the database."""
