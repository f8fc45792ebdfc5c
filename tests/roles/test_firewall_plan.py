"""Which rules of the firewall the role adds and removes: none of the operator's is taken or widened."""

from __future__ import annotations

from typing import Any

import pytest
from tests.roles.rendering import plugin

PLAN = plugin("ufw/filter_plugins/ufw_plan.py")

HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"
SSH = "tcp 22 0.0.0.0/0 any"


def _hex(text: str) -> str:
    return text.encode().hex()


OURS_SSH = [
    f"allow {SSH} 0.0.0.0/0 in comment={_hex('Milkbot ssh')}",
    f"allow tcp 22 ::/0 any ::/0 in comment={_hex('Milkbot ssh')}",
]
OURS_WEB = [f"allow tcp {port} 0.0.0.0/0 any 0.0.0.0/0 in comment={_hex('Milkbot web')}" for port in (80, 443)]


def _plan(
    rules: list[str],
    sources: list[str] | None = None,
    *,
    limit: bool = False,
    ports: list[int] | None = None,
    web: list[str] | None = None,
    client: str = HERE,
    port: int = 22,
) -> dict[str, list[dict[str, Any]]]:
    state = {"rules": rules, "client": client, "port": port}
    ssh = {"ports": ports or [22], "sources": sources or [], "limit": limit}
    plan: dict[str, list[dict[str, Any]]] = PLAN.plan(state, ssh, {"ports": [80, 443], "sources": web or []})
    return plan


def _said(entries: list[dict[str, Any]]) -> list[str]:
    return [f"{entry['rule']} {entry['port']} from {entry['from_ip']}" for entry in entries]


def test_an_empty_firewall_gets_ssh_and_the_web() -> None:
    plan = _plan([])
    assert _said(plan["add"]) == ["allow 22 from any", "allow 80 from any", "allow 443 from any"]
    assert (plan["remove"], plan["problems"]) == ([], [])


def test_a_second_run_adds_nothing() -> None:
    assert _plan(OURS_SSH + OURS_WEB) == {"add": [], "remove": [], "problems": []}


def test_an_unmarked_rule_of_an_earlier_version_of_the_role_is_kept() -> None:
    earlier = [
        f"allow tcp {port} 0.0.0.0/0 any 0.0.0.0/0 in comment={_hex(word)}"
        for port, word in ((22, "ssh"), (80, "web"), (443, "web"))
    ]
    assert _plan(earlier) == {"add": [], "remove": [], "problems": []}
    assert _said(_plan(earlier, [HERE])["remove"]) == ["allow 22 from any"]


@pytest.mark.parametrize(
    "rule",
    [
        f"allow any 22 0.0.0.0/0 any {HERE} in",
        f"limit {SSH} 0.0.0.0/0 in",
        f"allow {SSH} 203.0.113.0/24 OpenSSH - in",
        f"allow_log tcp 20:25 0.0.0.0/0 any {HERE} in_eth0 comment={_hex('it is mine')}",
        f"allow any any 0.0.0.0/0 any {HERE} in",
        f"allow tcp 22,2222 0.0.0.0/0 any {HERE} in",
    ],
)
def test_an_existing_rule_for_ssh_is_never_widened(rule: str) -> None:
    for limit in (False, True):
        plan = _plan([rule], limit=limit)
        assert _said(plan["add"]) == ["allow 80 from any", "allow 443 from any"]
        assert (plan["remove"], plan["problems"]) == ([], [])


def test_an_existing_rule_for_the_web_is_never_widened() -> None:
    plan = _plan([f"allow tcp 443 0.0.0.0/0 any {ELSEWHERE} in"])
    assert _said(plan["add"]) == ["allow 22 from any", "allow 80 from any"]


def test_a_limit_that_the_operator_made_of_the_roles_rule_is_kept() -> None:
    assert _said(_plan([f"limit {SSH} 0.0.0.0/0 in", *OURS_WEB])["add"]) == []


def test_a_blocked_address_does_not_close_ssh_to_others() -> None:
    plan = _plan([f"deny any any 0.0.0.0/0 any {ELSEWHERE} in"])
    assert "allow 22 from any" in _said(plan["add"])
    assert plan["problems"] == []


def test_a_rule_that_closes_ssh_is_reported_and_not_reversed() -> None:
    plan = _plan([f"deny {SSH} 0.0.0.0/0 in"])
    assert "allow 22 from any" not in _said(plan["add"])
    assert "ufw deny from any to any port 22 proto tcp" in plan["problems"][0]["fix"]


def test_ssh_is_restricted_to_the_named_networks() -> None:
    plan = _plan(OURS_SSH + OURS_WEB, ["203.0.113.0/24", "2001:db8::/32"])
    assert _said(plan["add"]) == ["allow 22 from 203.0.113.0/24", "allow 22 from 2001:db8::/32"]
    assert _said(plan["remove"]) == ["allow 22 from any"]
    assert plan["problems"] == []


def test_ssh_is_rate_limited_when_the_inventory_says_so() -> None:
    assert _said(_plan(OURS_SSH + OURS_WEB, limit=True)["add"]) == ["limit 22 from any"]


def test_a_wider_rule_of_the_operators_is_named_and_not_removed() -> None:
    plan = _plan([f"allow {SSH} 0.0.0.0/0 OpenSSH - in"], [HERE])
    assert plan["remove"] == []
    assert "ufw delete allow from any to any port 22 proto tcp" in plan["problems"][0]["fix"]


@pytest.mark.parametrize(
    ("rules", "sources"),
    [([], [ELSEWHERE]), ([f"allow any 22 0.0.0.0/0 any {ELSEWHERE} in"], []), (OURS_SSH, ["198.51.100.0/24"])],
)
def test_a_plan_that_would_lock_this_connection_out_is_refused(rules: list[str], sources: list[str]) -> None:
    problem = _plan(rules, sources)["problems"][0]
    assert problem["name"] == "ufw_ssh_from"
    assert HERE in problem["fix"]


def test_a_port_that_the_host_itself_does_not_listen_on_is_refused() -> None:
    problem = _plan([], ports=[2222])["problems"][0]
    assert (problem["name"], problem["value"]) == ("ufw_ssh_ports", "2222")
    assert "port 22" in problem["fix"]


def test_the_role_closes_the_port_that_it_opened_where_ssh_has_moved() -> None:
    plan = _plan(OURS_SSH, ports=[2222], port=2222)
    assert _said(plan["remove"]) == ["allow 22 from any"]
    assert _plan([f"allow {SSH} 0.0.0.0/0 in"], ports=[2222], port=2222)["remove"] == []


def test_a_source_that_is_no_address_is_named() -> None:
    problem = _plan([], ["abc"])["problems"][0]
    assert problem["name"] == "ufw_ssh_from"
    assert "'abc'" in problem["value"]


def test_a_run_without_ssh_locks_nobody_out() -> None:
    assert _plan([], [ELSEWHERE], client="", port=0)["problems"] == []
    assert _plan([], [ELSEWHERE], client="::1", port=22)["problems"] == []
