"""Where each service's user may connect to: the kernel's rules, and the program that opens and tries them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.roles.rendering import evaluate, plugin, render

FENCE = plugin("../deployment/scripts/fence.py")
USERS: dict[str, list[str]] = {name: [] for name in evaluate("milkbot_accounts")}


def _rules(users: dict[str, Any] = USERS, **given: Any) -> str:
    return render("fence/fence.nft.j2", ansible_facts={"getent_passwd": users}, **given)


def _chains(text: str) -> dict[str, list[str]]:
    return {
        name: [line.strip() for line in body.splitlines() if line.strip() and not line.strip().startswith("#")]
        for name, body in re.findall(r"^    chain (\w+) {\n(.*?)^    }", text, flags=re.MULTILINE | re.DOTALL)
    }


def test_the_dashboard_may_connect_to_the_api_alone() -> None:
    chains = _chains(_rules())
    assert 'meta skuid "milkbot-dashboard" goto dashboard' in chains["output"]
    assert chains["dashboard"] == ['oifname "lo" tcp dport 8000 accept', "goto nowhere"]


def test_an_account_that_nobody_named_may_connect_to_nothing() -> None:
    named = evaluate("_fence_connecting")
    chain = _chains(_rules({**USERS, "milkbot-new": []}, milkbot_accounts={**USERS, "milkbot-new": "/nonexistent"}))
    offline = {line.split('"')[1] for line in chain["output"] if line.endswith("goto nowhere")}
    assert offline == {*USERS, "milkbot-new"} - set(named)
    assert {"milkbot-analytics", "milkbot-operator"} <= offline


def test_a_user_that_the_host_does_not_have_is_in_no_rule() -> None:
    assert "skuid" not in _rules({"root": []})


def test_who_asks_the_exchange_is_fenced_only_where_the_operator_says_so() -> None:
    assert "trader" not in _chains(_rules())
    chains = _chains(_rules(fence_trader=True))
    fenced = [line for line in chains["output"] if line.endswith("goto trader")]
    assert fenced == [f'meta skuid "{user}" goto trader' for user in ("milkbot", "milkbot-control", "milkbot-record")]
    assert chains["trader"][-1] == "goto nowhere"


def test_each_unit_that_asks_the_exchange_opens_the_fence_before_it() -> None:
    files = {file["path"]: file.get("content", "") for file in evaluate("_fence_of_trader")}
    for unit in ("milkbot-trader", "milkbot-act@", "milkbot-record"):
        assert "\nExecStartPre=-+" in files[f"/etc/systemd/system/{unit}.service.d/milkbot-fence.conf"]


def test_the_trader_comes_to_what_the_names_of_the_settings_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(host: str, port: int, **_: Any) -> list[Any]:
        if host == "gone.test":
            raise OSError("unknown")
        four = (FENCE.socket.AF_INET, 1, 6, "", ("192.0.2.7", port))
        return [four, four, (FENCE.socket.AF_INET6, 1, 6, "", ("2001:db8::7", port, 0, 0))]

    monkeypatch.setattr(FENCE.socket, "getaddrinfo", known)
    resolv = "nameserver 192.0.2.53\n# nameserver 192.0.2.54\nnameserver 2001:db8::53\n"
    urls = ["https://exchange.test/v2", "http://127.0.0.1:8900/nws", "https://gone.test"]
    found, missing = FENCE.elements(urls, resolv)
    assert found == {
        "servers4": ["192.0.2.7 . 443", "192.0.2.7 . 8900"],
        "servers6": ["2001:db8::7 . 443", "2001:db8::7 . 8900"],
        "resolvers4": ["192.0.2.53"],
        "resolvers6": ["2001:db8::53"],
    }
    assert missing == ["gone.test: unknown"]


@pytest.mark.parametrize(
    ("seen", "state", "value"),
    [
        (["reached", "[Errno 113] refused"], "ok", "elsewhere: [Errno 113] refused"),
        (["reached", "reached"], "fail", "which it must not"),
        (["[Errno 111] refused", "[Errno 113] refused"], "fail", "did not reach 127.0.0.1:8000"),
        ([], "unknown", ""),
    ],
)
def test_a_unit_has_to_reach_its_own_target_and_no_other(
    monkeypatch: pytest.MonkeyPatch, seen: list[str], state: str, value: str
) -> None:
    monkeypatch.setattr(FENCE, "from_inside", lambda _unit, _targets: seen)
    monkeypatch.setattr(FENCE, "own_address", lambda: "127.0.0.1")
    (row,) = FENCE.rows({"milkbot-dashboard": "127.0.0.1:8000"})
    assert row["state"] == state
    assert value in row["value"]


@pytest.mark.parametrize("unit", ["analytics", "rollups"])
def test_what_needs_the_database_alone_has_no_network(unit: str) -> None:
    text = render(f"systemd/milkbot-{unit}.service.j2").splitlines()
    assert "PrivateNetwork=true" in text
    assert "RestrictAddressFamilies=AF_UNIX" in text
