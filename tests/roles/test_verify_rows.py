"""What verify.yml prints, and that no playbook prints a line break as two characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.roles.rendering import ROOT, plugin

CAUSES = plugin("verify/filter_plugins/causes.py")


def test_each_row_is_one_line_and_failures_stand_out() -> None:
    table = [
        ("ok", "nginx.service", "active", ""),
        ("ok", 100 * "x", "", ""),
        ("warn", "disk", "81%", "free some"),
        ("fail", "page from outside", "answers 502", "healthcheck.sh"),
        ("fail", "systemctl is-active milkbot-trader.timer", "", ""),
    ]
    names = ("state", "name", "value", "fix")
    assert CAUSES.shown_rows([dict(zip(names, row, strict=True)) for row in table]) == [
        "ok    nginx.service                active",
        "ok    " + 63 * "x" + "...",
        "warn  disk                         81%  -> free some",
        "FAIL  page from outside            answers 502",
        "FAIL  systemctl is-active milkbot-trader.timer",
    ]


def test_rows_that_fail_for_the_same_cause_are_named_under_it() -> None:
    names = [
        "page from outside",
        "API from outside",
        "TLS versions",
        "TLS ciphers",
        "security headers",
        "http to https",
    ]
    fails = [{"name": name, "value": "example.com has no address", "fix": "make a DNS record"} for name in names]
    fails.insert(2, {"name": "systemctl is-active x", "value": "left with 3 and said: inactive", "fix": ""})
    assert CAUSES.causes(fails) == [
        "1. example.com has no address",
        "   rows   page from outside, API from outside, TLS versions, TLS",
        "          ciphers, security headers, http to https",
        "   to do  make a DNS record",
        "2. left with 3 and said: inactive",
        "   rows   systemctl is-active x",
    ]


_IN_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def _broken(text: str) -> Iterator[str]:
    """Expressions with a `\\n` that YAML leaves as it is: Ansible then prints a backslash and an n."""
    for token in yaml.scan(text):
        if isinstance(token, yaml.ScalarToken) and token.style != '"':
            yield from (found for found in _IN_JINJA.findall(token.value) if "join('\\n')" in found)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("msg: |\n  {{ a | join('\\n') }}", 1),
        ("msg: >-\n  {{ a | join('\\n') }}", 1),
        ("msg: \"{{ a | join('\\n') }}\"", 0),
    ],
)
def test_a_literal_backslash_and_n_in_a_message_is_found(text: str, count: int) -> None:
    assert len(list(_broken(text))) == count


def test_no_message_is_joined_by_a_literal_backslash_and_n() -> None:
    paths = [path for top in ("roles", "playbooks", "molecule") for path in sorted(Path(ROOT, top).rglob("*.yml"))]
    assert len(paths) > 100
    assert {str(path): found for path in paths if (found := list(_broken(path.read_text("utf-8"))))} == {}
