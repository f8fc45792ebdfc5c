"""Values and rules of the exchange and of the ledger. No I/O, no imports of ours from outside this package."""
