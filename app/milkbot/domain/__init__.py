"""Values and rules of the exchange and of the books. No I/O, no imports of ours from outside this package."""
