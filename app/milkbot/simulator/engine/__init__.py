"""The exchange without I/O: books, matching, accounts, listing, settlement. Time and randomness are passed in."""
