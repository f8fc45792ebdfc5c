"""Certificates, keys, and the exchange that a trading mode may talk to."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

Problem = dict[str, str]

_MASK = "(secret, not shown)"
PRODUCTION = ("external-api.kalshi.com", "api.elections.kalshi.com")
DEMO = ("external-api.demo.kalshi.co", "demo-api.kalshi.co")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HOSTS = {
    "shadow": (*PRODUCTION, *DEMO, *LOOPBACK),
    "demo": (*DEMO, *LOOPBACK),
    "live": PRODUCTION,
}


def _problem(name: str, value: str, fix: str) -> list[Problem]:
    return [{"name": name, "value": value, "fix": fix}]


def certificate(pem: str, key_pem: str, domains: Sequence[str], now: dt.datetime | None = None) -> list[Problem]:
    """Whether the certificate can be read, is valid now, names every domain, and belongs to the key."""
    now = now or dt.datetime.now(dt.UTC)
    if not pem.strip():
        fix = "give the certificate, or another nginx_certificate_source: letsencrypt, self-signed"
        return _problem("nginx_certificate", "(not set)", fix)
    try:
        leaf = x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError:
        return _problem("nginx_certificate", f"{len(pem)} characters", "give a certificate (with its chain) in PEM")
    problems = []
    if now >= leaf.not_valid_after_utc:
        problems += _problem("nginx_certificate", f"expired {leaf.not_valid_after_utc:%Y-%m-%d}", "renew it")
    if now < leaf.not_valid_before_utc:
        start = f"valid from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        problems += _problem("nginx_certificate", start, "check the clock of this machine, or take another certificate")
    names = _names(leaf)
    if missing := [domain for domain in domains if not any(_covers(name, domain) for name in names)]:
        # The second one is the operator's page on the web.
        why = ("milkbot_domain", "milkbot_operator_web_enabled")[: len(domains)]
        fix = f"take a certificate for {' and '.join(missing)} ({', '.join(why)})"
        problems += _problem("nginx_certificate", f"is for {', '.join(names) or 'no name'}", fix)
    return problems + _key_problems(leaf, key_pem)


def expiring(pem: str, now: dt.datetime | None = None) -> list[Problem]:
    """A certificate of which less than a third of its lifetime is left. One that cannot be read is not judged here."""
    now = now or dt.datetime.now(dt.UTC)
    try:
        leaf = x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError:
        return []
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now >= end or end - now >= (end - start) / 3:
        return []
    return _problem("nginx_certificate", f"expires {end:%Y-%m-%d}", "renew it soon")


def no_address(domain: str) -> Problem:
    """What is still to be done for a name that cannot be looked up."""
    return _problem("milkbot_domain", domain, "has no address yet; visitors need a DNS record for it")[0]


def letsencrypt(values: Mapping[str, Any]) -> list[Problem]:
    """What the inventory lacks for a certificate of Let's Encrypt's."""
    problems = []
    email = str(values.get("nginx_letsencrypt_email", ""))
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        fix = "give the address that Let's Encrypt warns, as name@example.com (nginx_certificate_source: letsencrypt)"
        problems += _problem("nginx_letsencrypt_email", email or "(not set)", fix)
    dns = values.get("nginx_letsencrypt_challenge") == "dns-01"
    if dns and not str(values.get("nginx_letsencrypt_dns_credentials", "")).strip():
        fix = "give the credentials of the DNS provider, in the vault (nginx_letsencrypt_challenge: dns-01)"
        problems += _problem("nginx_letsencrypt_dns_credentials", "(not set)", fix)
    server = str(values.get("nginx_letsencrypt_server", ""))
    if server and not server.startswith("https://"):
        problems += _problem(
            "nginx_letsencrypt_server", server, "give the https address of the ACME server's directory"
        )
    return problems


def kalshi_key(pem: str) -> list[Problem]:
    """Whether the exchange's private key is one that can sign requests."""
    fix = "give the RSA or Ed25519 private key of the exchange's API key page, in PEM without a passphrase"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        return _problem("environment_kalshi_private_key", _MASK, fix)
    if isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        return []
    return _problem("environment_kalshi_private_key", _MASK, fix)


def mode_fits(mode: str, api_base: str) -> list[Problem]:
    """A mode may only talk to its exchange; a clear-text address is for this machine only.

    A mode that does not exist is not judged here: the argument specification names the choices.
    """
    if mode not in _HOSTS:
        return []
    parts = urlsplit(api_base)
    host = parts.hostname or ""
    schemes = ("http", "https") if host in LOOPBACK else ("https",)
    allowed = _HOSTS[mode]
    if host in allowed and parts.scheme in schemes:
        return []
    fix = f"TRADING_MODE {mode} talks to https and one of {', '.join(allowed)}; change it or environment_trading_mode"
    return _problem("environment_kalshi_api_base", api_base, fix)


def _key_problems(leaf: x509.Certificate, key_pem: str) -> list[Problem]:
    try:
        key = load_pem_private_key(key_pem.encode(), password=None)
    except (ValueError, TypeError):
        return _problem("nginx_private_key", _MASK, "give the certificate's private key in PEM, without a passphrase")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) == leaf.public_key().public_bytes(*form):
        return []
    return _problem("nginx_private_key", _MASK, "is the key of another certificate: give the one made with this one")


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _covers(name: str, domain: str) -> bool:
    return name == domain or (name.startswith("*.") and domain.partition(".")[2] == name[2:])


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "preflight_certificate": certificate,
            "preflight_expiring": expiring,
            "preflight_letsencrypt": letsencrypt,
            "preflight_no_address": no_address,
            "preflight_kalshi_key": kalshi_key,
            "preflight_mode": mode_fits,
        }
