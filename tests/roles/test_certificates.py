"""A certificate from each source: what preflight asks for, what nginx serves, what the health check says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.roles.conftest import make_pair
from tests.roles.rendering import evaluate, plugin, render

from milkbot_hostcheck.alerting.memory import Memory
from milkbot_hostcheck.asking import Answer
from milkbot_hostcheck.checks import certificate
from milkbot_hostcheck.collection import Collection
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.paths import RENEWAL
from milkbot_hostcheck.settings import Settings

TRUST = plugin("preflight/filter_plugins/trust.py")
PROGRAM = plugin("nginx/module_utils/milkbot_certificate.py")
ENCRYPT = {"nginx_certificate_source": "letsencrypt", "nginx_letsencrypt_email": "operator@example.com"}
DNS = {"nginx_letsencrypt_challenge": "dns-01", "nginx_letsencrypt_dns_credentials": "token = x"}
GOOD = "ActiveState=active\nUnitFileState=enabled\n\nActiveState=inactive\nUnitFileState=static\nResult=success\n"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (ENCRYPT, []),
        ({}, ["nginx_letsencrypt_email"]),
        ({**ENCRYPT, "nginx_letsencrypt_email": "operator"}, ["nginx_letsencrypt_email"]),
        ({**ENCRYPT, "nginx_letsencrypt_server": "http://a/"}, ["nginx_letsencrypt_server"]),
        ({**ENCRYPT, "nginx_letsencrypt_challenge": "dns-01"}, ["nginx_letsencrypt_dns_credentials"]),
        ({**ENCRYPT, **DNS}, []),
    ],
)
def test_what_lets_encrypt_needs_is_named_before_any_change(values: dict[str, Any], named: list[str]) -> None:
    assert [problem["name"] for problem in TRUST.letsencrypt(values)] == named


def test_a_certificate_missing_from_the_vault_is_named_with_the_other_sources() -> None:
    (problem,) = TRUST.certificate("", "", ["milkbot.test"])
    assert (problem["name"], problem["value"]) == ("nginx_certificate", "(not set)")
    assert "letsencrypt" in problem["fix"]


def test_the_challenge_is_answered_on_both_ports_and_only_by_http_01() -> None:
    assert "acme-challenge" not in render("nginx/milkbot.conf.j2")
    assert render("nginx/milkbot.conf.j2", **ENCRYPT).count("location ^~ /.well-known/acme-challenge/") == 2
    assert "acme-challenge" not in render("nginx/milkbot.conf.j2", **ENCRYPT, **DNS)


@pytest.mark.parametrize("staging", [True, False])
def test_staging_certificates_come_from_the_staging_server(staging: bool) -> None:  # noqa: FBT001 - a parameter of the test
    order = evaluate("_nginx_order", **ENCRYPT, nginx_letsencrypt_staging=staging)
    assert ("staging" in order[1]) is staging
    assert order[2:] == [
        "--email",
        "operator@example.com",
        "-d",
        "milkbot.ai",
        "--webroot",
        "-w",
        "/var/lib/milkbot-acme",
    ]


def test_dns_credentials_are_in_a_file_that_only_root_reads() -> None:
    (directory, file) = evaluate("_nginx_letsencrypt_files", **ENCRYPT, **DNS)
    assert (directory["mode"], file["mode"], file["content"]) == ("0755", "0600", "token = x\n")
    order = evaluate("_nginx_order", **ENCRYPT, **DNS)
    assert order[-2:] == ["--dns-cloudflare-credentials", file["path"]]
    assert evaluate("_nginx_certbot_packages", **ENCRYPT, **DNS) == ["certbot", "python3-certbot-dns-cloudflare"]


def test_a_broken_or_foreign_certificate_is_never_served(tmp_path: Path) -> None:
    files = {}
    for name, pair in {"one": make_pair("milkbot.test"), "two": make_pair("other.test")}.items():
        files[name] = (tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        for path, text in zip(files[name], (pair.certificate, pair.key), strict=True):
            path.write_text(text, "ascii")
    PROGRAM.judge(*files["one"], "milkbot.test")
    for certificate_, key in (files["two"], (files["one"][0], files["two"][1]), (tmp_path / "no", files["one"][1])):
        with pytest.raises(PROGRAM.CertificateError):
            PROGRAM.judge(certificate_, key, "milkbot.test")


@pytest.mark.parametrize(
    ("source", "shown", "failed", "rows"),
    [
        ("origin", GOOD, "", []),
        ("letsencrypt", GOOD, "", [("ok", "by certbot.timer")]),
        ("self-signed", GOOD, "", [("ok", "by milkbot-certificate.timer")]),
        ("letsencrypt", GOOD.replace("success", "exit-code"), "", [("fail", "certbot.service failed: exit-code")]),
        ("letsencrypt", GOOD.replace("=enabled", "=disabled"), "", [("fail", "certbot.timer is active, disabled")]),
        ("letsencrypt", GOOD, "no pair\n", [("fail", "the new certificate was refused: no pair")]),
    ],
)
def test_a_failing_renewal_is_reported_before_the_certificate_expires(
    source: str, shown: str, failed: str, rows: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certificate.json").write_text(json.dumps({"source": source}), "utf-8")
    monkeypatch.setattr(certificate, "SETTINGS", tmp_path / "certificate.json")
    monkeypatch.setattr(certificate, "FAILED", tmp_path / "failed")
    timer, service = shown.split("\n\n")
    unit = RENEWAL.get(source, "none")
    units = f"Id={unit}.timer\n{timer}\n\nId={unit}.service\n{service}"
    facts = Collection({"units/properties": Answer(0, units)})
    if failed:
        (tmp_path / "failed").write_text(failed, "utf-8")
    found = list(certificate.renewal(Host(Settings(), Memory(seen={}), facts=facts)))
    assert [(row.state.value, row.value) for row in found] == rows
    assert all(row.remedy for row in found if row.state.value == "fail")
