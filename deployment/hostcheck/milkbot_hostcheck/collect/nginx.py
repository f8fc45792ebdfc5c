"""nginx: its configuration as it reads it, its certificates, its newest errors."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import ENVIRONMENT, Answer, Ask, Look, Question, run
from milkbot_hostcheck.collect.files import look_at_end

# A test of the configuration makes the pid file and the logs that are not there: here in a view of its own.
_APART = "mount -t tmpfs none /run && mount -t tmpfs none /var/log/nginx && exec nginx -T -q"
_TEST = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _APART]
_CERTIFICATE = re.compile(r"^\s*ssl_certificate\s+(\S+?);", re.MULTILINE)
_KEY = re.compile(r"^\s*ssl_certificate_key\s+(\S+?);", re.MULTILINE)


def questions() -> list[Question]:
    logs = sorted(Path("/var/log/nginx").glob("*error.log"))
    return [
        Ask("nginx/test", _TEST, 15, 2_000_000, keep_beginning=True),
        Look("nginx/certificates", _certificates),
        Ask(
            "nginx/sites", ["ls", "-la", "/etc/nginx/sites-enabled", "/etc/nginx/conf.d", "/etc/nginx/modules-enabled"]
        ),
        *(look_at_end(f"nginx/{path.name}", path) for path in logs),
        look_at_end("nginx/milkbot-access.log", Path("/var/log/nginx/milkbot-access.log"), 40_000),
    ]


def _certificates() -> str:
    """A row for each pair in our site. Of a key only its public half is looked at."""
    site = paths.NGINX_SITE.read_text("utf-8")
    if shutil.which("openssl", path=ENVIRONMENT["PATH"]) is None:
        raise FileNotFoundError("openssl: there is no such program")
    pairs = sorted(set(zip(_CERTIFICATE.findall(site), _KEY.findall(site), strict=False)))
    name = re.findall(r"^\s*server_name\s+([\w.-]+);", site, re.MULTILINE)
    domains = sorted({found for found in name if "." in found})
    return "".join(f"{json.dumps(_pair(certificate, key) | {'domains': domains})}\n" for certificate, key in pairs)


def _pair(certificate: str, key: str) -> dict[str, object]:
    row: dict[str, object] = {"certificate": certificate, "key": key}
    for what, path in (("certificate_missing", certificate), ("key_missing", key)):
        row[what] = not Path(path).exists()
    details = ["-subject", "-issuer", "-startdate", "-enddate", "-ext", "subjectAltName"]
    read = _openssl("x509", "-noout", *details, "-in", certificate)
    row |= {"readable": read.code == 0, "details": read.text.strip()}
    of_certificate = _openssl("x509", "-noout", "-pubkey", "-in", certificate)
    # A passphrase is asked of nobody: the run would wait for it.
    of_key = _openssl("pkey", "-pubout", "-passin", "pass:", "-in", key)
    # Only root may look at the key.
    row["key_readable"] = of_key.code == 0 or os.geteuid() != 0
    if of_key.code == of_certificate.code == 0:
        row["fits"] = of_key.text.strip() == of_certificate.text.strip()
    text = Path(certificate).read_text("utf-8") if not row["certificate_missing"] else ""
    row["chain"] = text.count("-----BEGIN CERTIFICATE-----")
    return row


def _openssl(*arguments: str) -> Answer:
    """Raises TimeoutError: a machine that is too busy to answer says nothing about the pair."""
    answer = run(Ask("", ["openssl", *arguments], 5))
    if answer.late:
        raise TimeoutError("openssl did not answer in time")
    return answer
