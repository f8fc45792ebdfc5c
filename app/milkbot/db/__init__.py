"""Models, sessions and repositories of the trader. The rollups' and the API's own SQL is in `milkbot.analytics`."""
