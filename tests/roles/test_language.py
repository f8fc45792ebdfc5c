"""Programs are read in one language, whatever the host or the operator speaks. Molecule's machine speaks German."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.roles.rendering import ROOT, render

from milkbot_hostcheck.asking import ask

PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
# Not what another script sources, nor what hands over to a Python program.
SCRIPTS = [
    path
    for path in sorted((ROOT / "deployment/scripts").glob("*.sh"))
    if re.match(r"(?s)#!(?!.*^exec /usr/bin/python3)", path.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_play_reads_the_hosts_programs_in_one_language(playbook: Path) -> None:
    for play in yaml.safe_load(playbook.read_text(encoding="utf-8")):
        assert play["environment"]["LC_ALL"] == "C.UTF-8"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_of_the_host_runs_its_programs_in_one_language(script: Path, tmp_path: Path) -> None:
    """Its first lines, up to the first program that it starts by name, and then what such a program would see."""
    text = script.read_text(encoding="utf-8")
    head = text.split("\nscripts=", 1)[0]
    probe = tmp_path / script.name
    probe.write_text(f"{head}\nenv\n", encoding="utf-8")
    german = {**os.environ, "LANG": "de_DE.UTF-8", "LANGUAGE": "de", "LC_MESSAGES": "de_DE.UTF-8"}
    seen = subprocess.run(["bash", probe], check=True, capture_output=True, text=True, env=german).stdout
    assert "LC_ALL=C.UTF-8" in seen.splitlines()


def test_postgresql_answers_in_one_language_and_one_time_zone() -> None:
    written = render("postgres/milkbot.conf.j2", postgres_settings={})
    assert "lc_messages = 'C'" in written
    assert "timezone = 'UTC'" in written


def test_the_health_check_and_the_diagnosis_read_programs_in_one_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert re.search(r"^LC_ALL=C\b", ask(["env"], 5).output, re.MULTILINE)
