"""Runs a command in a clone of this repository on a fresh minimal Debian 12, as a new machine would see it."""
