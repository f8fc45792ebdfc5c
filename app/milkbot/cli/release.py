"""`milkbot release`: which code this is."""

from __future__ import annotations

import typer

from milkbot.release import release_id


def release() -> None:
    """Print the id of the release that this command belongs to."""
    typer.echo(release_id())
