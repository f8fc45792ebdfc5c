"""The rules of the preflight role, without a machine."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.roles.conftest import Pair, make_pair
from tests.roles.rendering import plugin

from milkbot.domain import modes

machine, trust = (plugin(f"preflight/filter_plugins/{name}.py") for name in ("machine", "trust"))


def test_a_machine_slightly_below_its_nominal_size_is_accepted() -> None:
    has = {"cores": 4, "memory_gb": 7.7, "disk_gb": 98.4}
    assert machine.too_small(has, {"cores": 4, "memory_gb": 8, "disk_gb": 100}, "preflight_minimum") == []


def test_a_machine_that_is_too_small_is_refused() -> None:
    has = {"cores": 2, "memory_gb": 4, "disk_gb": 40}
    problems = machine.too_small(has, {"cores": 4, "memory_gb": 8, "disk_gb": 100}, "preflight_minimum")
    assert [p["name"] for p in problems] == ["cores", "GB of memory", "GB of disk"]
    assert "preflight_minimum_memory_gb" in problems[1]["fix"]


def test_an_unsupported_system_is_refused() -> None:
    (problem,) = machine.unsupported("fedora-42", ["debian-12", "ubuntu-24.04"])
    assert "debian-12, ubuntu-24.04" in problem["fix"]
    assert machine.unsupported("debian-12", ["debian-12"]) == []


def test_a_good_certificate_is_accepted(pair: Pair) -> None:
    assert trust.certificate(pair.certificate, pair.key, ["milkbot.test"]) == []


@pytest.mark.parametrize(
    ("begins", "ends", "seen"), [(-30, -1, "expired"), (1, 30, "valid from")], ids=["expired", "not yet valid"]
)
def test_an_expired_or_future_certificate_is_refused(begins: int, ends: int, seen: str) -> None:
    made = make_pair(begins=begins, ends=ends)
    (problem,) = trust.certificate(made.certificate, made.key, ["milkbot.test"])
    assert problem["value"].startswith(seen)


def test_a_certificate_for_another_name_is_refused(pair: Pair) -> None:
    (problem,) = trust.certificate(pair.certificate, pair.key, ["milkbot.ai"])
    assert "milkbot.test" in problem["value"]


def test_a_wildcard_certificate_is_accepted_for_one_level() -> None:
    made = make_pair(domain="*.milkbot.test")
    assert trust.certificate(made.certificate, made.key, ["staging.milkbot.test"]) == []
    assert trust.certificate(made.certificate, made.key, ["a.b.milkbot.test"]) != []


def test_the_key_of_another_certificate_is_refused(pair: Pair) -> None:
    (problem,) = trust.certificate(pair.certificate, make_pair().key, ["milkbot.test"])
    assert problem["name"] == "nginx_private_key"
    assert "PRIVATE" not in str(problem)


@pytest.mark.parametrize(
    "broken", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_broken_certificate_is_refused_without_a_traceback(broken: str, pair: Pair) -> None:
    (problem,) = trust.certificate(broken, pair.key, ["milkbot.test"])
    assert problem["name"] == "nginx_certificate"
    assert trust.expiring(broken) == []


def test_a_certificate_that_expires_soon_is_announced() -> None:
    assert trust.expiring(make_pair(begins=-60, ends=20).certificate) != []
    assert trust.expiring(make_pair(begins=-10, ends=80).certificate) == []


def _pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_a_key_that_can_sign_is_accepted() -> None:
    assert trust.kalshi_key(_pem(ed25519.Ed25519PrivateKey.generate())) == []
    assert trust.kalshi_key(_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))) == []


@pytest.mark.parametrize("broken", ["no key", _pem(ec.generate_private_key(ec.SECP256R1()))], ids=["text", "curve"])
def test_a_broken_exchange_key_is_refused_and_not_shown(broken: str) -> None:
    (problem,) = trust.kalshi_key(broken)
    assert broken not in str(problem)


@pytest.mark.parametrize(
    ("mode", "base", "fits"),
    [
        ("demo", "https://demo-api.kalshi.co/trade-api/v2", True),
        ("demo", "http://127.0.0.1:8900/trade-api/v2", True),
        ("demo", "https://external-api.kalshi.com/trade-api/v2", False),
        ("demo", "http://demo-api.kalshi.co/trade-api/v2", False),
        ("live", "https://external-api.kalshi.com/trade-api/v2", True),
        ("live", "https://demo-api.kalshi.co/trade-api/v2", False),
        ("live", "http://127.0.0.1:8900/trade-api/v2", False),
        ("shadow", "https://api.elections.kalshi.com/trade-api/v2", True),
        ("shadow", "https://kalshi.example.com/trade-api/v2", False),
    ],
)
def test_each_mode_is_accepted_with_its_own_exchange_alone(mode: str, base: str, *, fits: bool) -> None:
    assert (trust.mode_fits(mode, base) == []) is fits


def test_the_roles_and_the_program_know_the_same_exchanges() -> None:
    assert set(trust.PRODUCTION) == modes.PRODUCTION_HOSTS
    assert set(trust.DEMO) == modes.DEMO_HOSTS
    assert set(trust.LOOPBACK) == modes.LOOPBACK_HOSTS


def test_a_certificate_without_the_name_of_the_operators_page_is_refused(pair: Pair) -> None:
    (problem,) = trust.certificate(pair.certificate, pair.key, ["milkbot.test", "operate.milkbot.test"])
    assert problem["fix"].startswith(
        "take a certificate for operate.milkbot.test (milkbot_domain, milkbot_operator_web"
    )
