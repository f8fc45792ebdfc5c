"""The public overview. It talks to the analytics API and to nothing else; it has no secret and no database."""
