"""The site's own files. Their addresses hold a hash of the content, so browsers keep them for good."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "ico": "image/x-icon",
    "png": "image/png",
    "txt": "text/plain",
}
# A name of a page may be made of several files.
_FILES = {
    "site.css": ("parts.css", "site.css"),
    "live.js": ("live.js",),
    "logo.svg": ("logo.svg",),
    "preview.png": ("preview.png",),
    "favicon.ico": ("favicon.ico",),
    "robots.txt": ("robots.txt",),
}


@dataclass(frozen=True, slots=True)
class File:
    """Content, also compressed, with its type and hash."""

    content: bytes
    zipped: bytes
    media_type: str
    digest: str


def read(name: str) -> bytes:
    """The bytes of a file of this package."""
    return resources.files("milkbot.dashboard.site").joinpath("files", name).read_bytes()


@cache
def file(name: str) -> File:
    """The file of that name. Raises KeyError for one that is not served."""
    content = b"".join(read(part) for part in _FILES[name])
    # Without a time in it, equal content has equal bytes.
    zipped = gzip.compress(content, mtime=0)
    return File(content, zipped, _TYPES[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:12])


@cache
def address(name: str) -> str:
    """Where the site's file of that name is. Raises KeyError for one that is not served."""
    stem, _, ending = name.rpartition(".")
    return f"/assets/{stem}-{file(name).digest}.{ending}"


def file_at(hashed: str) -> tuple[File, bool] | None:
    """The file behind a name with a hash, and whether it is that version; None for an unknown name.

    A page of another release, which a deploy has just replaced, gets what this one has: better than nothing.
    """
    rest, _, ending = hashed.rpartition(".")
    stem, _, digest = rest.rpartition("-")
    name = f"{stem}.{ending}"
    return (file(name), file(name).digest == digest) if name in _FILES else None
