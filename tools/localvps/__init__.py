"""Disposable Debian and Ubuntu machines on this host: overlayfs over a cached image, booted by systemd-nspawn.

Standard library only: it runs with the distribution's own python3 before any environment exists.
"""
