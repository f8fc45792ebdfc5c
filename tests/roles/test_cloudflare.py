"""What may be taken for Cloudflare's list of networks, and what follows from it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from tests.roles.rendering import ROLES, evaluate, plugin, render

NETWORKS = plugin("ufw/filter_plugins/cloudflare.py").cloudflare_networks
KNOWN: list[str] = yaml.safe_load((ROLES / "milkbot/defaults/main.yml").read_text("utf-8"))[
    "milkbot_cloudflare_networks"
]
FOUR = [network for network in KNOWN if "." in network]
SIX = [network for network in KNOWN if ":" in network]


def _answer(four: list[str], six: list[str]) -> str:
    return json.dumps({"success": True, "result": {"ipv4_cidrs": four, "ipv6_cidrs": six}})


def test_the_list_that_is_shipped_would_be_taken() -> None:
    assert NETWORKS(_answer(FOUR, SIX), KNOWN) == KNOWN


def test_a_list_with_a_network_more_and_one_less_is_taken() -> None:
    assert NETWORKS(_answer([*FOUR[1:], "9.9.0.0/16"], SIX), KNOWN)[-8] == "9.9.0.0/16"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("<html>", "not a list of networks"),
        ("[]", "not a list of networks"),
        (json.dumps({"result": {"ipv4_cidrs": ["home"], "ipv6_cidrs": []}}), "not a list of networks"),
        (json.dumps({"result": {"ipv4_cidrs": ["10.0.0.1/8"], "ipv6_cidrs": []}}), "not a list of networks"),
        (_answer([], SIX), "0 networks of IPv4"),
        (_answer(FOUR, []), "0 networks of IPv6"),
        (_answer([*FOUR, "0.0.0.0/0"], SIX), "0.0.0.0/0 is no network"),
        (_answer([*FOUR, "10.0.0.0/16"], SIX), "10.0.0.0/16 is no network"),
        (_answer(FOUR, [*SIX, "::/0"]), "::/0 is no network"),
        (_answer([f"9.{n}.0.0/16" for n in range(15)], SIX), "15 of the 22 networks that are known"),
    ],
)
def test_what_would_let_in_others_or_keep_cloudflare_out_is_refused(answer: str, why: str) -> None:
    with pytest.raises(AnsibleFilterError, match="Nothing was written") as refused:
        NETWORKS(answer, KNOWN)
    assert why in str(refused.value)


def test_only_cloudflare_comes_to_the_web_ports_and_names_the_client_where_it_stands_in_front() -> None:
    given: dict[str, Any] = {"milkbot_cloudflare_only": True, "ufw_web_from": ["203.0.113.7"]}
    assert evaluate("_ufw_web.sources", **given) == ["203.0.113.7", *KNOWN]
    assert evaluate("_ufw_web.sources") == []
    site = render("nginx/milkbot.conf.j2", **given)
    assert [line.split()[1].rstrip(";") for line in site.splitlines() if "set_real_ip_from" in line] == KNOWN


@pytest.mark.parametrize(("day", "state"), [("2026-11-01", "ok"), ("2026-01-01", "warn")])
def test_a_list_of_more_than_90_days_ago_is_named(day: str, state: str) -> None:
    now = {"_verify_cloudflare_days": 30 if state == "ok" else 333}
    given: dict[str, Any] = {"milkbot_cloudflare_only": True, "milkbot_cloudflare_networks_of": day, **now}
    row = evaluate("_verify_cloudflare", **given)[0]
    assert row["state"] == state
    assert day in row["value"]
    assert ("cloudflare.yml" in row["fix"]) == (state == "warn")


def test_who_is_not_the_proxy_gets_no_answer_where_it_shows_a_certificate() -> None:
    assert "ssl_verify_client" not in render("nginx/milkbot.conf.j2")
    site = render("nginx/milkbot.conf.j2", nginx_origin_pulls_authority="-----BEGIN CERTIFICATE-----")
    assert "ssl_verify_client optional;" in site
    assert "if ($milkbot_stranger)" in site
