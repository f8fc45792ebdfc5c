"""Whatever an inventory or a manifest holds, it is taken or refused in words, and never otherwise."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.roles import backups
from tests.roles.rendering import ROLES, plugin

plugin("preflight/filter_plugins/inventory.py")
from milkbot_preflight import judge, specs  # noqa: E402 -- the plugin says where it is

OPTIONS = specs.options(ROLES)
# What YAML or JSON can hold in the place of what is expected.
_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, False, -1, 0, 1.5, 10**30, float("inf"), float("nan"), "", " ", "x", "-1", "1e9", "yes"),
        *("\x00", "\ud800", "a\nb", "../..", "https://", "https://[", "::/0", "1.2.3.4/99", "{{ x }}", "9" * 5000),
        *([], [[]], [None], {}, {"": ""}, {1: 2}, {"a": {}}, "(", "KXHIGHNY", "203.0.113.10:0-99999"),
    ]
)
_KEYS = st.sampled_from(["", "x", 1, None, "\x00", "1.2.3.4/99", True])
_VALUES = st.recursive(
    _ODD | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner),
    max_leaves=6,
)


@pytest.mark.parametrize("name", OPTIONS)
@settings(derandomize=True, max_examples=15)
@given(value=_VALUES, data=st.data())
def test_any_value_of_an_inventory_is_taken_or_refused_in_words(name: str, value: Any, data: st.DataObject) -> None:
    option = OPTIONS[name]
    if option.type == "dict" and option.options and data.draw(st.booleans()):
        value = {data.draw(st.sampled_from(sorted(option.options))): value}
    for fault in judge.faults_of(name, option, value):
        assert fault["fix"]
        assert len(str(fault["value"])) < 500


@pytest.mark.parametrize("name", list(backups.manifest.Manifest.__dataclass_fields__))
@settings(derandomize=True, max_examples=50)
@given(value=_VALUES)
def test_any_manifest_is_that_of_its_backup_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: Any
) -> None:
    backup = backups.write(tmp_path_factory.getbasetemp() / "any" / "milkbot_20261125_020000.sql.gz", backups.text())
    beside: Path = backups.manifest.manifest_path(backup)
    beside.write_text(json.dumps(json.loads(beside.read_text("utf-8")) | {name: value}), "utf-8")
    with suppress(backups.dump.BrokenError):
        found, manifest = backups.manifest.check_backup(backup)
        assert found.tables == manifest.tables
        lost = backups.loss.loss(backup, found, {}, "", backups.loss.taken_at(backup, manifest))
        assert backups.loss.shown(lost)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "\x00", "null", "[]", "{}", "1" * 100_000])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    backup = backups.write(tmp_path / "milkbot_20261125_020000.sql.gz", backups.text())
    backups.manifest.manifest_path(backup).write_text(text, "utf-8")
    with pytest.raises(backups.dump.BrokenError, match="manifest"):
        backups.manifest.check_backup(backup)
