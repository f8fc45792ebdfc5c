"""Where packages come from: the host's own mirror where it has one for the distribution."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from localvps.errors import VpsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localvps.recipes import Recipe

# Another distribution's mirror is the operator's choice: none is asked that nobody configured.
_DEFAULTS = {"debian": ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security")}
_TIMEOUT_SECONDS = 60.0


def _host_uris(apt_dir: Path) -> Iterator[str]:
    """Every package URI that the host's apt is configured with, in both file formats."""
    for path in [apt_dir / "sources.list", *sorted((apt_dir / "sources.list.d").glob("*.list"))]:
        if path.is_file():
            yield from re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    for path in sorted((apt_dir / "sources.list.d").glob("*.sources")):
        for line in re.findall(r"^URIs:\s*(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            yield from line.split()


def mirror(distribution: str, apt_dir: Path = Path("/etc/apt")) -> tuple[str, str]:
    """Return the base and the security mirror of a distribution: configured, else the host's, else Debian's public one.

    Raises VpsError when there is none of them.
    """
    base, security = _DEFAULTS.get(distribution, ("", ""))
    for uri in _host_uris(apt_dir):
        clean = uri.rstrip("/")
        if clean.startswith(("http://", "https://")) and clean.endswith(f"/{distribution}"):
            base = clean
        elif clean.startswith(("http://", "https://")) and clean.endswith(f"/{distribution}-security"):
            security = clean
    variable = f"MILKBOT_{distribution.upper()}_MIRROR"
    base = os.environ.get(variable, base).rstrip("/")
    security = os.environ.get(f"MILKBOT_{distribution.upper()}_SECURITY_MIRROR", security or base).rstrip("/")
    if not base:
        raise VpsError(f"no mirror of {distribution} is configured: set {variable} to the address of one")
    return base, security


def sources(recipe: Recipe) -> str:
    """Return the image's sources.list: release, updates and security."""
    base, security = mirror(recipe.distribution)
    parts = " ".join(recipe.components)
    lines = (
        f"deb {base} {recipe.suite} {parts}",
        f"deb {base} {recipe.suite}-updates {parts}",
        f"deb {security} {recipe.suite}-security {parts}",
    )
    return "\n".join(lines) + "\n"


def check(recipe: Recipe) -> None:
    """Check that the mirrors answer for the suite; raises VpsError with the fix."""
    for line in sources(recipe).splitlines():
        _, uri, suite, *_ = line.split()
        url = f"{uri}/dists/{suite}/InRelease"
        try:
            with urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310 - the scheme is apt's, http or https
                pass
        except (URLError, TimeoutError) as error:
            variable = f"MILKBOT_{recipe.distribution.upper()}_MIRROR"
            raise VpsError(f"{url} does not answer ({error}): set {variable} to a mirror that does") from None
