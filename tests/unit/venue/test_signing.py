"""A signature that the exchange refuses stops all trading; a key that leaks loses the account."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from milkbot.errors import ConfigError
from milkbot.venue.signing import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    ApiCredentials,
    PrivateKey,
    load_credentials,
    load_public_key,
    sign,
    verify,
)

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()
PATH = "/trade-api/v2/portfolio/orders"


def pem(
    key: PrivateKey | ec.EllipticCurvePrivateKey,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


def key_file(directory: Path, content: bytes, mode: int = 0o600) -> Path:
    path = directory / "key.pem"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
def test_a_signature_is_valid_for_the_signed_text_alone(key: PrivateKey) -> None:
    headers = sign(ApiCredentials("id", key), 1784336830522, "get", f"{PATH}?limit=5")
    public, signature = key.public_key(), headers[SIGNATURE_HEADER]

    assert (headers[KEY_HEADER], headers[TIMESTAMP_HEADER]) == ("id", "1784336830522")
    assert verify(public, signature, "1784336830522", "GET", PATH)
    assert not verify(public, signature, "1784336830523", "GET", PATH)
    assert not verify(public, signature, "1784336830522", "DELETE", PATH)
    assert not verify(public, signature, "1784336830522", "GET", "/portfolio/orders")
    assert not verify(public, base64.b64encode(b"forged").decode(), "1784336830522", "GET", PATH)
    assert not verify(public, "no base64!", "1784336830522", "GET", PATH)


def test_rsa_uses_the_salt_length_that_the_exchange_requires() -> None:
    headers = sign(ApiCredentials("id", RSA_KEY), 1, "GET", PATH)
    demanded = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)

    RSA_KEY.public_key().verify(
        base64.b64decode(headers[SIGNATURE_HEADER]), f"1GET{PATH}".encode(), demanded, hashes.SHA256()
    )


@pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
def test_the_kind_of_a_key_comes_from_the_parsed_key(tmp_path: Path, key: PrivateKey) -> None:
    loaded = load_credentials("id", key_file(tmp_path, pem(key)))
    headers = sign(loaded, 1, "GET", PATH)

    assert verify(key.public_key(), headers[SIGNATURE_HEADER], "1", "GET", PATH)


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (pem(RSA_KEY), 0o604, "chmod 0600"),
        (b"not a key", 0o600, "no PEM private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), 0o600, "RSA and Ed25519"),
        (pem(RSA_KEY, serialization.BestAvailableEncryption(b"secret")), 0o600, "passphrase"),
    ],
    ids=["world-readable", "garbage", "elliptic", "encrypted"],
)
def test_an_unusable_key_file_is_refused_with_the_remedy(tmp_path: Path, content: bytes, mode: int, says: str) -> None:
    path = key_file(tmp_path, content, mode)
    with pytest.raises(ConfigError, match=says) as refused:
        load_credentials("id", path)
    assert str(path) in refused.value.problems[0]


def test_a_missing_key_file_is_refused_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="KALSHI_PRIVATE_KEY_PATH"):
        load_credentials("id", tmp_path / "absent.pem")


def test_an_empty_key_id_is_refused_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="KALSHI_API_KEY_ID"):
        load_credentials("", key_file(tmp_path, pem(RSA_KEY)))


def test_no_repr_contains_a_private_key() -> None:
    assert repr(ApiCredentials("id", RSA_KEY)) == "ApiCredentials(key_id='id')"


def test_a_public_key_of_another_kind_is_refused() -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    text = elliptic.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="expected RSA or Ed25519"):
        load_public_key(text.decode())
