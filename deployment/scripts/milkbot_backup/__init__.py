"""What the backup's scripts know about a backup: its dump, its manifest, and the database that comes of it.

Runs with the system's Python and nothing else, so that a new host can read a backup before anything is installed there.
"""
