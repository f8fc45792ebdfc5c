#!/usr/bin/python3
"""The certificate that nginx serves, where this host gets it itself: from Let's Encrypt by certbot, or self-signed.

The module tls_pair uses this file; on a host it is deployment/scripts/certificate.py:

certificate.py placeholder   one for nginx to start with, where there is none
certificate.py ensure        what /etc/milkbot/certificate.json asks for: obtained, renewed in time, served
certificate.py deployed      certbot's deploy hook: the renewed certificate is served, or the one before remains

Prints `changed: ...` or `unchanged`. What fails leaves the old certificate in use, says why, is kept in FAILED for the
health check, and ends with 1.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SETTINGS = Path("/etc/milkbot/certificate.json")
STATE = Path("/var/lib/milkbot-certificate")
FAILED = STATE / "failed"
ORDER = STATE / "order.json"
LETSENCRYPT = Path("/etc/letsencrypt")
NAME = "milkbot"
SELF_SIGNED = "Milkbot self-signed"
_DAYS = 90
_RENEW_SECONDS = 30 * 86400
_WAIT = 20.0


class CertificateError(Exception):
    """The old certificate remains in use; the message says why."""


def run(*command: str, secret_output: bool = False) -> str:
    """Standard output. Raises CertificateError with the last words of a command that failed."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode != 0:
        words = "" if secret_output else (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise CertificateError(f"{command[0]} ended with {done.returncode}: {words}")
    return done.stdout


def der(pem: str) -> bytes:
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") : pem.index(end) + len(end)])


def served(domain: str) -> bytes:
    """The certificate that a new connection gets, as DER; empty when there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is compared, byte by byte
    try:
        with (
            socket.create_connection(("127.0.0.1", 443), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=domain) as wrapped,
        ):
            return wrapped.getpeercert(binary_form=True) or b""
    except OSError:
        return b""


def judge(certificate: Path, key: Path, *names: str) -> None:
    """Raises CertificateError where the two are no pair, lack one of the names, or are not valid today."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise CertificateError(f"{certificate} and {key} are no pair that can be read: {error}") from None
    for name in names:
        if "does match" not in run("openssl", "x509", "-noout", "-checkhost", name, "-in", str(certificate)):
            raise CertificateError(f"{certificate} is not for {name}")
    if expires_within(certificate, 0):
        raise CertificateError(f"{certificate} has expired")


def expires_within(certificate: Path, seconds: int) -> bool:
    command = ["openssl", "x509", "-noout", "-checkend", str(seconds), "-in", str(certificate)]
    return subprocess.run(command, check=False, capture_output=True).returncode != 0  # noqa: S603 - our own words


def write(path: Path, text: str, mode: int) -> None:
    """Replace it whole."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as writing:
        os.fchmod(file, mode)
        writing.write(text)
        writing.flush()
        os.fsync(file)
    temporary.replace(path)


def serve(certificate: Path, key: Path, settings: dict[str, Any]) -> bool:
    """Have nginx serve the pair. False when it does already; raises CertificateError when the old one remains."""
    domain, places = settings["domain"], {"certificate": 0o644, "key": 0o600}
    judge(certificate, key, *settings["names"])
    new = {"certificate": certificate.read_text("utf-8"), "key": key.read_text("utf-8")}
    paths = {what: Path(settings[what]) for what in places}
    old = {what: path.read_text("utf-8") for what, path in paths.items() if path.exists()}
    active = subprocess.run(["systemctl", "is-active", "--quiet", "nginx.service"], check=False).returncode == 0  # noqa: S607
    if old == new and (not active or not settings["site"].exists() or served(domain) == der(new["certificate"])):
        return False

    def put(pair: dict[str, str]) -> None:
        # The key first: a certificate is known by its time, and nginx is reloaded when that changes.
        for what in reversed(pair):
            write(paths[what], pair[what], places[what])

    put(new)
    if not active or not settings["site"].exists():
        return True
    try:
        run("nginx", "-t", "-q")
        run("systemctl", "reload", "nginx.service")
        deadline = time.monotonic() + _WAIT
        while served(domain) != der(new["certificate"]):
            if time.monotonic() >= deadline:
                raise CertificateError(f"nginx does not serve the new certificate after {_WAIT:g} seconds")
            time.sleep(0.2)
    except CertificateError as error:
        put(old)
        subprocess.run(["systemctl", "reload", "nginx.service"], check=False)  # noqa: S607
        raise CertificateError(f"the new certificate was taken back: {error}") from None
    return True


def self_signed(settings: dict[str, Any]) -> bool:
    """Make one and have it served. The key is made anew each time."""
    with tempfile.TemporaryDirectory(prefix="milkbot-certificate-") as made:
        certificate, key = Path(made) / "certificate.pem", Path(made) / "key.pem"
        names = ["-subj", f"/O={SELF_SIGNED}/CN={settings['domain'][:64]}", "-addext"]
        names.append("subjectAltName=" + ",".join(f"DNS:{name}" for name in settings["names"]))
        kind = ["-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", str(_DAYS)]
        run("openssl", "req", *kind, *names, "-keyout", str(key), "-out", str(certificate))
        return serve(certificate, key, settings)


def is_self_signed_and_good(settings: dict[str, Any]) -> bool:
    certificate = Path(settings["certificate"])
    try:
        judge(certificate, Path(settings["key"]), *settings["names"])
        issuer = run("openssl", "x509", "-noout", "-issuer", "-in", str(certificate))
    except CertificateError:
        return False
    return SELF_SIGNED in issuer and not expires_within(certificate, _RENEW_SECONDS)


def obtain(settings: dict[str, Any]) -> bool:
    """Order the certificate where there is none yet, or what was ordered was something else."""
    renewal = LETSENCRYPT / "renewal" / f"{NAME}.conf"
    before = json.loads(ORDER.read_text("utf-8")) if ORDER.exists() else None
    if renewal.exists() and before == settings["order"]:
        return False
    hook = f"{Path(__file__).resolve()} deployed"
    command = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--cert-name", NAME, "--deploy-hook", hook]
    again = ["--force-renewal", "--renew-with-new-domains"] if renewal.exists() else []
    run(*command, *again, *settings["order"])
    write(ORDER, json.dumps(settings["order"]), 0o600)
    return True


def lineage() -> tuple[Path, Path]:
    live = LETSENCRYPT / "live" / NAME
    return live / "fullchain.pem", live / "privkey.pem"


def ensure(settings: dict[str, Any]) -> bool:
    if settings["source"] == "self-signed":
        return not is_self_signed_and_good(settings) and self_signed(settings)
    ordered = obtain(settings)
    # Also what a deploy hook could not bring.
    return serve(*lineage(), settings) or ordered


def deployed(settings: dict[str, Any]) -> bool:
    """Nothing when another source has been chosen since."""
    return settings["source"] == "letsencrypt" and serve(*lineage(), settings)


def placeholder(settings: dict[str, Any]) -> bool:
    there = all(Path(settings[what]).exists() for what in ("certificate", "key"))
    return not there and self_signed(settings)


def main() -> int:
    acts = {"ensure": ensure, "deployed": deployed, "placeholder": placeholder}
    if len(sys.argv) != 2 or sys.argv[1] not in acts:
        print(__doc__, file=sys.stderr)
        return 2
    os.umask(0o077)
    STATE.mkdir(mode=0o755, exist_ok=True)
    settings: dict[str, Any] = json.loads(SETTINGS.read_text("utf-8"))
    settings["site"] = Path(settings["site"])
    try:
        changed = acts[sys.argv[1]](settings)
    except CertificateError as error:
        write(FAILED, f"{error}\n", 0o644)
        print(f"The certificate from before is still in use: {error}", file=sys.stderr)
        return 1
    FAILED.unlink(missing_ok=True)
    print("changed: nginx serves another certificate" if changed else "unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(main())
