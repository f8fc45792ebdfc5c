"""The statements of this release, tried on the database as it is, and taken back."""
