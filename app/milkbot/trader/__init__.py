"""One tick: reconcile, look, decide, send. It joins the pure parts to the exchange, the weather and the database."""
