"""The exchange without I/O: order books, matching, accounts, listing, settlement. Time and randomness are passed in."""
