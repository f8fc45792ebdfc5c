"""What is always true of the ledger, checked by each tick and by `milkbot audit`."""
