"""The last lines of a playbook: what runs, what changed, and what to do next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.roles.rendering import ROOT, evaluate, plugin

FACTS = plugin("summary/filter_plugins/facts.py")
SUMMARY = plugin("../playbooks/callback_plugins/summary.py")
LIVE = {"id": "20260101T000000Z-0123456789ab", "live": True, "version": "1.2.3", "result": "good"}
ROWS = {
    "configuration": ("ok", "mode demo, demo exchange"),
    "schema": ("ok", "revision 0011"),
    "trading state": ("ok", "active"),
    "exchange": ("ok", "open"),
}
CHANGES_NOTHING = {"cloudflare", "diagnose", "drift", "history", "releases", "unlock"}


def _doctor(**rows: tuple[str, str]) -> str:
    named = ROWS | {name.replace("_", " "): row for name, row in rows.items()}
    return json.dumps([{"check": name, "verdict": verdict, "detail": said} for name, (verdict, said) in named.items()])


def _facts(doctor: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in FACTS.facts([{**LIVE, "live": False}, LIVE], doctor, "example.com", "192.0.2.1"):
        found.setdefault(name, []).append(value)
    return found


def test_the_summary_names_release_mode_schema_and_address() -> None:
    assert _facts(_doctor()) == {
        "release": ["20260101T000000Z-0123456789ab, version 1.2.3, good"],
        "trading": ["mode demo, demo exchange; active"],
        "schema": ["revision 0011"],
        "page": ["https://example.com/ (host 192.0.2.1)"],
    }


def test_an_unreachable_exchange_is_the_first_warning() -> None:
    rows = _doctor(clock=("fail", "5 s"), exchange=("fail", "no answer"), disk=("warn", "full"), keys=("warn", "x"))
    assert _facts(rows)["WARNING"] == ["exchange: no answer", "clock: 5 s (and 2 more: milkbot doctor)"]


@pytest.mark.parametrize("doctor", ["", "no json", "[1]"])
def test_a_release_that_gives_no_answer_is_a_warning(doctor: str) -> None:
    assert _facts(doctor)["WARNING"] == ["milkbot doctor gave no answer: run it on the host"]


def test_a_host_without_a_release_says_what_installs_one() -> None:
    assert FACTS.facts([], "", "example.com", "x") == [["release", "none runs yet: site.yml installs one"]]


def test_halted_trading_is_resumed_before_anything_else() -> None:
    assert FACTS.halted(_doctor(trading_state=("warn", "halted: restored"))) is True
    assert FACTS.halted(_doctor()) is False
    # Without an answer nothing is known of it, which is a warning of its own.
    assert FACTS.halted("") is False
    ((command, _),) = evaluate("_summary_resume")
    assert command == " milkbot resume --reason ..."


def test_a_summary_has_twelve_lines_of_eighty_columns_at_most() -> None:
    worst = _doctor(trading_state=("warn", 90 * "h "), exchange=("fail", 90 * "e "), clock=("fail", 90 * "c "))
    facts = FACTS.facts([LIVE], worst, "example.com", "192.0.2.1")
    names = sorted({path.stem for path in (ROOT / "playbooks").glob("*.yml")} - CHANGES_NOTHING)
    assert len(names) > 8
    for name in names:
        found = {"facts": facts, "next": evaluate("_summary_resume + _summary_next[summary_of]", summary_of=name)}
        shown = list(SUMMARY.lines("production", found, 57, check=True, inventories=["inventories/production"]))
        assert len(shown) <= 12, name
        assert max(map(len, shown)) <= 80, name


def test_every_playbook_that_changes_something_ends_with_its_summary() -> None:
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        (play,) = yaml.safe_load(path.read_text("utf-8"))
        found = play["tasks"][-1].get("vars", {}).get("summary_of")
        assert found == (None if path.stem in CHANGES_NOTHING else path.stem), path.stem


def _play(directory: Path, view: str) -> str:
    found = {"facts": [["release", "r1"]], "next": [["verify.yml", "is everything healthy?"]]}
    kept = {"per_host": True, "aggregate": False, "data": {"milkbot_summary": found}}
    tasks = [
        {"ansible.builtin.command": "true"},
        {"ansible.builtin.set_stats": kept},
        {"ansible.builtin.fail": {"msg": "at the end"}, "when": "inventory_hostname == 'bad'"},
    ]
    play = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": tasks}
    (directory / "play.yml").write_text(yaml.safe_dump([play]), "utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "good,bad,", directory / "play.yml"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_STDOUT_CALLBACK": view,
            "MILKBOT_LOG_DIRECTORY": str(directory / "log"),
            "ANSIBLE_NOCOLOR": "1",
        },
    )
    return done.stdout


@pytest.mark.parametrize("view", ["ansible.builtin.default", "steps"])
def test_a_run_ends_with_the_summary_of_each_host_that_did_not_fail(tmp_path: Path, view: str) -> None:
    shown = _play(tmp_path, view)
    assert shown.rstrip("\n").split("\n")[-4:] == [
        "good",
        "  release  r1",
        "  changes  1 task changed something",
        "  next     ansible-playbook -i good,bad, verify.yml   # is everything healthy?",
    ]
    assert "\nbad\n" not in shown
