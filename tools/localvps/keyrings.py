"""The keys that sign a distribution's packages: the host's own, else a pinned package of keys."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from localvps.errors import VpsError, say
from localvps.run import run

_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a distribution's keys are: installed, or in a package below the mirror's root."""

    installed: Path
    package: str
    download: str | None = None
    sha256: str = ""


SOURCES = {
    "debian": KeySource(Path("/usr/share/keyrings/debian-archive-keyring.gpg"), "debian-archive-keyring"),
    # Debian carries no package of Ubuntu's keys. This one is noble's; the pin stands in for a signature.
    "ubuntu": KeySource(
        Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
        "ubuntu-keyring",
        "pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb",
        "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8",
    ),
}


def ensure(distribution: str, mirror: str, cache_dir: Path) -> Path:
    """Return a keyring for the distribution; raises VpsError with the mend when there is none."""
    source = SOURCES[distribution]
    if source.installed.is_file():
        return source.installed
    if source.download is None:
        raise VpsError(f"{source.installed} is missing: `apt-get install {source.package}` on this host")
    kept = cache_dir / "keyrings" / source.sha256 / source.installed.name
    if not kept.is_file():
        _fetch(source, f"{mirror}/{source.download}", kept)
    return kept


def _fetch(source: KeySource, url: str, kept: Path) -> None:
    say(f"fetching {url}")
    try:
        with urlopen(url, timeout=_TIMEOUT_SECONDS) as reply:  # noqa: S310 - the scheme is apt's, http or https
            content: bytes = reply.read()
    except (URLError, TimeoutError) as error:
        raise VpsError(f"{url} does not answer ({error}): put {source.installed} there from an Ubuntu host") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.sha256:
        raise VpsError(f"{url} has SHA-256 {digest}, not {source.sha256}: set MILKBOT_UBUNTU_MIRROR to a sound mirror")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        package = Path(scratch) / "keys.deb"
        package.write_bytes(content)
        run(["dpkg-deb", "--extract", package, Path(scratch) / "tree"])
        inside = Path(scratch) / "tree" / source.installed.relative_to("/")
        inside.rename(kept)
