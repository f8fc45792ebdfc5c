"""The certificate authorities that this host trusts beyond the distribution's own."""

from __future__ import annotations

import re
from pathlib import Path

from localvps import files
from localvps.run import run

BUNDLE = Path("etc/ssl/certs/ca-certificates.crt")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def _certificates(bundle: Path) -> list[str]:
    if not bundle.is_file():
        return []
    return _PEM.findall(bundle.read_text(encoding="utf-8", errors="replace"))


def host_certificates() -> str:
    """The host's whole bundle as text; part of an image's identity."""
    return "\n".join(_certificates(Path("/") / BUNDLE))


def extra_certificates(root: Path) -> list[str]:
    """Return the PEM certificates that the host trusts and the tree below root does not."""
    known = set(_certificates(root / BUNDLE))
    return [pem for pem in _certificates(Path("/") / BUNDLE) if pem not in known]


def install(root: Path) -> None:
    """Make the system below root trust what the host trusts."""
    extra = extra_certificates(root)
    if not extra:
        return
    for number, pem in enumerate(extra, start=1):
        files.write(root / f"usr/local/share/ca-certificates/host-{number:03}.crt", pem + "\n")
    run(["chroot", root, "update-ca-certificates"])
    # Programs with a bundle of their own (uv, pip, requests) read the system's here.
    with (root / "etc/environment").open("a", encoding="utf-8") as stream:
        stream.write(f"SSL_CERT_FILE=/{BUNDLE}\n")
