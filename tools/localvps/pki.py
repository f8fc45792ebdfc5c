"""Keys and certificates of a local machine, made with the openssl program."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from localvps.run import run, succeeds

if TYPE_CHECKING:
    import ipaddress
    from collections.abc import Callable

_CA_DAYS, _SERVER_DAYS = 3650, 397
_RENEW_SECONDS = 30 * 24 * 3600


def rsa_key(path: Path) -> None:
    """Make an RSA private key in PEM (PKCS #8), readable by its owner alone, unless it exists."""
    if not path.is_file():
        bits = ("-pkeyopt", "rsa_keygen_bits:2048")
        _whole(path, lambda new: run(["openssl", "genpkey", "-algorithm", "RSA", *bits, "-out", new]))


def public_key(private: Path) -> str:
    """Return the public key of a private key, in PEM."""
    return run(["openssl", "pkey", "-in", private, "-pubout"])


def ensure_ca(directory: Path) -> None:
    """Make a certificate authority for this checkout's machines, once: ca.pem and ca-key.pem."""
    key, certificate = directory / "ca-key.pem", directory / "ca.pem"
    if not key.is_file():
        _ec_key(key)
        certificate.unlink(missing_ok=True)
    if not certificate.is_file():
        command: list[str | Path] = [
            *("openssl", "req", "-x509", "-new", "-key", key, "-days", str(_CA_DAYS)),
            *("-subj", "/CN=Milkbot local CA"),
            *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        ]
        _whole(certificate, lambda new: run([*command, "-out", new]))


def ensure_server(directory: Path, domain: str, address: ipaddress.IPv4Address) -> None:
    """Make the server's key and certificate; renewed when near its end or made for another name."""
    key, certificate = directory / "server-key.pem", directory / "server.pem"
    if not key.is_file():
        _ec_key(key)
        certificate.unlink(missing_ok=True)
    if certificate.is_file() and _fits(certificate, directory / "ca.pem", f"operate.{domain}", address):
        return
    names = f"DNS:{domain},DNS:www.{domain},DNS:operate.{domain},IP:{address}"
    extensions = (
        f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    with tempfile.TemporaryDirectory() as scratch:
        request, options = Path(scratch) / "request.pem", Path(scratch) / "extensions"
        options.write_text(extensions, encoding="ascii")
        run(["openssl", "req", "-new", "-key", key, "-subj", f"/CN={domain}", "-out", request])
        command: list[str | Path] = [
            *("openssl", "x509", "-req", "-in", request, "-days", str(_SERVER_DAYS), "-extfile", options),
            *("-CA", directory / "ca.pem", "-CAkey", directory / "ca-key.pem"),
        ]
        _whole(certificate, lambda new: run([*command, "-out", new]))


def _fits(certificate: Path, ca: Path, domain: str, address: ipaddress.IPv4Address) -> bool:
    """Return whether the authority signed it for this name and address, with a month left."""
    verify: list[str | Path] = [
        "openssl",
        "verify",
        "-CAfile",
        ca,
        "-verify_hostname",
        domain,
        "-verify_ip",
        str(address),
    ]
    fresh: list[str | Path] = ["openssl", "x509", "-in", certificate, "-noout", "-checkend", str(_RENEW_SECONDS)]
    return succeeds([*verify, certificate]) and succeeds(fresh)


def _ec_key(path: Path) -> None:
    curve = ("-pkeyopt", "ec_paramgen_curve:P-256")
    _whole(path, lambda new: run(["openssl", "genpkey", "-algorithm", "EC", *curve, "-out", new]))


def _whole(path: Path, make: Callable[[Path], object]) -> None:
    """Let a program write a file under another name, then rename it: half a key is never used."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.new")
    new.touch(mode=0o600)
    make(new)
    new.replace(path)
