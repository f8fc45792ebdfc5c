"""Request signatures of the exchange: RSA-PSS or Ed25519 over time, method and path; the key's own type decides.

Source: the exchange's API key pages of October 2026. Both kinds of key start with the same PKCS#8 header, so the text
of the file cannot distinguish them.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from milkbot.errors import ConfigError

KEY_HEADER = "KALSHI-ACCESS-KEY"
TIMESTAMP_HEADER = "KALSHI-ACCESS-TIMESTAMP"
SIGNATURE_HEADER = "KALSHI-ACCESS-SIGNATURE"

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_OTHERS = 0o007
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)


@dataclass(frozen=True, slots=True)
class ApiCredentials:
    """A key of the exchange. The private part never appears in a repr, and so in no log and no traceback."""

    key_id: str
    private_key: PrivateKey = field(repr=False)


def load_credentials(key_id: str, path: Path) -> ApiCredentials:
    """The credentials in a PEM file. Raises ConfigError for a missing id and a file that is missing, open to
    everyone, no PEM private key, or a key of another kind than RSA and Ed25519.
    """
    if not key_id:
        raise ConfigError(["KALSHI_API_KEY_ID is empty; set it to the key id that the exchange shows with the key"])
    name = f"KALSHI_PRIVATE_KEY_PATH={path}"
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{name} cannot be read: {error.strerror}; put the private key's PEM file there"]) from None
    if mode & _OTHERS:
        raise ConfigError([f"{name} has mode {mode & 0o777:04o}, every user may reach it; run: chmod 0600 {path}"])
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise ConfigError([f"{name} is protected by a passphrase; store it without one, mode 0600"]) from None
    except ValueError:
        raise ConfigError([f"{name} is no PEM private key; store the file that the exchange gave you"]) from None
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ConfigError([f"{name} holds a {type(key).__name__}; the exchange takes RSA and Ed25519 keys"])
    return ApiCredentials(key_id, key)


def load_public_key(pem: str) -> PublicKey:
    """The public half, as the exchange stores it. Raises ValueError for anything but RSA and Ed25519."""
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise ValueError(f"public key is a {type(key).__name__}, expected RSA or Ed25519")
    return key


def sign(credentials: ApiCredentials, timestamp_ms: int, method: str, path: str) -> dict[str, str]:
    """The three headers of a signed request. `path` starts at the host's root; a query in it is not signed."""
    message = signed_text(str(timestamp_ms), method, path)
    key = credentials.private_key
    raw = key.sign(message, _PSS, hashes.SHA256()) if isinstance(key, rsa.RSAPrivateKey) else key.sign(message)
    return {
        KEY_HEADER: credentials.key_id,
        TIMESTAMP_HEADER: str(timestamp_ms),
        SIGNATURE_HEADER: base64.b64encode(raw).decode("ascii"),
    }


def verify(public_key: PublicKey, signature: str, timestamp_ms: str, method: str, path: str) -> bool:
    """Whether a base64 signature belongs to that request; `timestamp_ms` is the header's own text."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    message = signed_text(timestamp_ms, method, path)
    try:
        if isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(raw, message, _PSS, hashes.SHA256())
        else:
            public_key.verify(raw, message)
    except InvalidSignature:
        return False
    return True


def signed_text(timestamp_ms: str, method: str, path: str) -> bytes:
    """Time, upper-case method and path without its query: what is signed."""
    return f"{timestamp_ms}{method.upper()}{path.partition('?')[0]}".encode()
