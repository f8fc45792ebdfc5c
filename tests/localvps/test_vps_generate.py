"""Secrets of a local machine are made once, fit together, and are read by their owner alone."""

from __future__ import annotations

import ipaddress
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from localvps.generate import DOMAIN, generate

if TYPE_CHECKING:
    from pathlib import Path

_ADDRESS = ipaddress.IPv4Address("10.89.0.10")


def _make(directory: Path, address: ipaddress.IPv4Address = _ADDRESS) -> dict[str, str]:
    variables = directory / "generated.yml"
    generate(directory / "secrets", address, variables)
    values: dict[str, str] = yaml.safe_load(variables.read_text(encoding="utf-8"))
    return values


def _openssl(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_second_run_changes_no_secret(tmp_path: Path) -> None:
    first = _make(tmp_path)
    before = (tmp_path / "generated.yml").stat()
    assert _make(tmp_path) == first
    assert (tmp_path / "generated.yml").stat() == before


def test_lost_variables_are_written_again_with_the_same_secrets(tmp_path: Path) -> None:
    first = _make(tmp_path)
    (tmp_path / "generated.yml").unlink()
    assert _make(tmp_path) == first


def test_a_new_address_renews_the_certificate_and_nothing_else(tmp_path: Path) -> None:
    first = _make(tmp_path)
    second = _make(tmp_path, ipaddress.IPv4Address("10.89.0.99"))
    assert {key for key in first if first[key] != second[key]} == {"nginx_certificate", "verify_address"}


@pytest.mark.parametrize("lost", ["server-key.pem", "ca-key.pem", "ca.pem", "server.pem"])
def test_a_lost_file_is_replaced_so_that_key_and_certificate_match(tmp_path: Path, lost: str) -> None:
    _make(tmp_path)
    tls = tmp_path / "secrets/tls"
    (tls / lost).unlink()
    values = _make(tmp_path)
    key = _openssl("pkey", "-pubout", stdin=values["nginx_private_key"])
    assert _openssl("x509", "-pubkey", "-noout", stdin=values["nginx_certificate"]) == key
    checks = ("-verify_hostname", DOMAIN, "-verify_ip", str(_ADDRESS), "-purpose", "sslserver")
    _openssl("verify", "-x509_strict", "-CAfile", str(tls / "ca.pem"), *checks, str(tls / "server.pem"))


def test_the_simulators_account_has_the_public_half_of_the_signing_key(tmp_path: Path) -> None:
    values = _make(tmp_path)
    public = _openssl("pkey", "-pubout", stdin=values["environment_kalshi_private_key"])
    assert values["simulator_account_public_key"] == public


def test_no_secret_is_readable_by_others(tmp_path: Path) -> None:
    _make(tmp_path)
    paths = [tmp_path / "generated.yml", tmp_path / "secrets", *(tmp_path / "secrets").rglob("*")]
    assert [path for path in paths if path.stat().st_mode & 0o077] == []
