"""The tables of docs/risk.md, made from the rules that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from milkbot.risk.breakers import RULES
from milkbot.risk.limits import DENIALS


def denials_table(defaults: Mapping[str, object]) -> str:
    """One row a denial code; `defaults` are those of the settings, by name."""
    rows = ["| code | refused when | setting | default | reducing too |", "|---|---|---|---|---|"]
    for code, rule in DENIALS.items():
        rows.append(f"| `{code}` | {rule.refused_when} | {_setting(rule.setting, defaults)} | {rule.reducing} |")
    return "\n".join(rows)


def breakers_table(defaults: Mapping[str, object]) -> str:
    """One row a breaker."""
    rows = ["| breaker | trips when | setting | default | effect | ends |", "|---|---|---|---|---|---|"]
    for breaker, rule in RULES.items():
        ends = "by `milkbot resume`" if rule.lasts is None else f"after {_span(rule.lasts)}, or by `milkbot resume`"
        rows.append(
            f"| `{breaker}` | {rule.trips_when} | {_setting(rule.setting, defaults)} | {rule.effect} | {ends} |"
        )
    return "\n".join(rows)


def _setting(name: str | None, defaults: Mapping[str, object]) -> str:
    """The cells of a setting and its default, empty where a rule has none."""
    return " | " if name is None else f"`{name.upper()}` | {defaults[name]}"


def _span(duration: timedelta) -> str:
    minutes = duration // timedelta(minutes=1)
    if minutes % 1440 == 0 and minutes > 1440:
        return f"{minutes // 1440} days"
    return f"{minutes // 60} hours" if minutes > 60 and minutes % 60 == 0 else f"{minutes} minutes"
