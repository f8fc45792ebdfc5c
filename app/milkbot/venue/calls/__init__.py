"""The exchange's calls by family. `milkbot.venue.client` puts them together; nobody else imports them."""
