"""Reading the market: events, order books, weather and terms, and their snapshots in the database."""
