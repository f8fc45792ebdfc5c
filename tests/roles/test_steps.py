"""The view of one line a step, by real runs of ansible-playbook on this machine."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils import basic
from tests.roles.rendering import plugin

ROOT = Path(__file__).resolve().parents[2]
SECRET = "of-nobodys-business"

PLAY = f"""
- name: Do things
  hosts: all
  gather_facts: false
  tasks:
    - name: 1.1 Prepare
      ansible.builtin.import_tasks: prepare.yml
      tags: prepare
    - name: Never mind
      ansible.builtin.command: "false"
      when: false
    - name: Say it
      ansible.builtin.debug: {{msg: "two\\nlines"}}
    - name: Alone
      block:
        - name: Keep a secret
          ansible.builtin.command: echo {SECRET}
          no_log: true
          failed_when: trouble is defined and trouble == "secret"
        - name: Try
          ansible.builtin.command: sh -c 'echo to stdout; echo to stderr >&2; exit 3'
          when: trouble is defined and trouble == "rescued"
        - name: Loop
          ansible.builtin.fail: {{msg: "no {{{{ item }}}}"}}
          loop: [first, second]
          when: trouble is defined and trouble == "loop"
      rescue:
        - name: Give up
          ansible.builtin.fail: {{msg: "It failed.\\nto do  call somebody"}}
          when: trouble == "rescued"
        - name: Fail again
          ansible.builtin.fail: {{msg: "{{{{ ansible_failed_result.results | map(attribute='msg') | join(', ') }}}}"}}
          when: trouble == "loop"
        - name: Fail with the secret
          ansible.builtin.command: "false {SECRET}"
          no_log: true
      always:
        - name: Let go
          ansible.builtin.command: "true"
          tags: always
"""
PREPARE = """
- name: Prepare | Write a file
  ansible.builtin.copy: {content: "text\\n", dest: "{{ directory }}/{{ inventory_hostname }}", mode: "0600"}
- name: Prepare | Write another
  ansible.builtin.copy: {content: "text\\n", dest: "{{ directory }}/{{ inventory_hostname }}-2", mode: "0600"}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run printed, its seconds replaced; and the file with the whole output."""

    lines: list[str]
    code: int
    log: str

    def steps(self) -> list[str]:
        """The lines of steps, their seconds left out."""
        return [re.sub(r" +\S+( min \d+)? s  ", "  ", line) for line in self.lines if line.startswith("[")]


def _command(directory: Path, *options: str, hosts: str = "one,") -> tuple[list[str], dict[str, str]]:
    (directory / "play.yml").write_text(PLAY, "utf-8")
    (directory / "prepare.yml").write_text(PREPARE, "utf-8")
    (directory / "done").mkdir(exist_ok=True)
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    given = [
        "-i",
        hosts,
        "-c",
        "local",
        "-e",
        f"directory={directory}/done",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "steps",
        "MILKBOT_LOG_DIRECTORY": str(directory / "log"),
    }
    return [program, *given, str(directory / "play.yml"), *options], environment


def _play(directory: Path, *options: str, hosts: str = "one,") -> Run:
    command, environment = _command(directory, *options, hosts=hosts)
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)
    log = next((directory / "log").glob("*-play-*.log"))
    assert log.stat().st_mode & 0o777 == 0o600
    whole = log.read_text("utf-8")
    assert SECRET not in done.stdout + done.stderr + whole
    assert "\033" not in done.stdout
    return Run(done.stdout.splitlines(), done.returncode, whole)


def test_each_step_is_one_line_and_the_whole_output_is_in_the_file(tmp_path: Path) -> None:
    run = _play(tmp_path)
    assert run.code == 0
    assert run.lines[0] == "Do things"
    assert run.lines[1].startswith(f"whole output: {tmp_path}/log/")
    assert run.steps() == [
        "[1/7] 1.1 Prepare  ok, changed 2",
        "[2/7] Never mind  skipped",
        "[3/7] Say it  ok",
        "[4/7] Keep a secret  ok, changed 1",
        "[5/7] Try  skipped",
        "[6/7] Loop  skipped",
        "[7/7] Let go  ok, changed 1",
    ]
    assert "    two\n    lines" in "\n".join(run.lines)
    assert re.fullmatch(r"Done in \d+ s: 4 changed\.", run.lines[-1])
    assert max(len(line) for line in run.lines if line.startswith("[")) <= 80
    assert "TASK [Prepare | Write a file]" in run.log
    assert "PLAY RECAP" in run.log


def test_a_dry_run_says_what_would_change(tmp_path: Path) -> None:
    run = _play(tmp_path, "--check", "--diff")
    assert run.lines[0] == "Do things (check mode: nothing is changed)"
    assert run.steps()[0] == "[1/7] 1.1 Prepare  ok, would change 2"
    assert "+text" in "".join(run.lines)
    assert run.lines[-1].endswith("2 would change.")


def test_only_the_steps_of_the_tags_are_counted(tmp_path: Path) -> None:
    run = _play(tmp_path, "--tags", "prepare")
    assert run.steps() == ["[1/2] 1.1 Prepare  ok, changed 2", "[2/2] Let go  ok, changed 1"]


def test_the_largest_step_of_a_short_play_is_shown_by_its_parts() -> None:
    steps = plugin("../playbooks/callback_plugins/steps.py")
    paths = [
        ("Check", "a"),
        ("Update", "Plan", "b"),
        ("Update", "Stage", "c"),
        ("Update", "Stage", "d"),
        ("Let go", "e"),
    ]
    assert steps.planned(paths) == (["Check", "Plan", "Stage", "Let go"], "Update")
    # Plain tasks are no parts.
    assert steps.planned([("Check", "a"), ("Check", "b"), ("Let go", "c")]) == (["Check", "Let go"], "")
    many = [(f"Step {number}", "a") for number in range(9)]
    assert steps.planned([*many, *paths])[1] == ""


def test_a_failure_is_shown_at_the_end_with_host_task_and_its_whole_reason(tmp_path: Path) -> None:
    run = _play(tmp_path, "-e", "trouble=rescued")
    assert run.code == 2
    assert run.steps()[4:] == ["[5/7] Try  failed, handled", "[  +] Give up  FAILED", "[7/7] Let go  ok, changed 1"]
    told = "\n".join(run.lines[run.lines.index("FAILED on one, in: Give up") :])
    assert "  task    Give up\n" in told
    assert "  reason  It failed.\n          to do  call somebody\n" in told
    assert "  to do   fix the cause and run the same command again" in told
    assert f"  log     {tmp_path}/log/" in told
    # What the rescue dealt with is in the file alone.
    assert "to stderr" not in told
    assert "to stderr" in run.log
    assert run.lines[-1].startswith("Failed after ")


def test_every_failed_item_of_a_loop_is_named(tmp_path: Path) -> None:
    assert "  reason  no first, no second" in _play(tmp_path, "-e", "trouble=loop").lines


def test_the_reason_of_a_secret_task_is_hidden(tmp_path: Path) -> None:
    run = _play(tmp_path, "-e", "trouble=secret")
    assert "  reason  its output is hidden, because it may hold a secret (no_log)" in run.lines


def test_a_warning_with_nothing_to_do_is_in_the_file_alone() -> None:
    steps = plugin("../playbooks/callback_plugins/steps.py")
    kept: list[str] = []
    shown: list[str] = []
    log = steps.Log(SimpleNamespace(_warning=shown.append))
    log.display = kept.append
    routine = "Module remote_tmp /root/.ansible/tmp did not exist and was created with a mode of 0700"
    # The words are Ansible's own, and change with it.
    assert "Module remote_tmp %s did not exist" in Path(basic.__file__).read_text("utf-8")
    for warning in (routine, "The disk is nearly full"):
        log._warning(warning)  # noqa: SLF001 - as Ansible does
    assert shown == ["The disk is nearly full"]
    assert kept == [f"[WARNING]: {routine}", "[WARNING]: The disk is nearly full"]


def test_hosts_are_added_up_and_an_unreachable_one_is_named(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.ini"
    away = "ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1"
    inventory.write_text(f"one ansible_connection=local\ntwo ansible_connection=local\naway {away}\n", "utf-8")
    run = _play(tmp_path, hosts=str(inventory))
    assert run.code == 4
    assert run.steps()[0] == "[1/7] 1.1 Prepare  UNREACHABLE"
    assert run.steps()[-1] == "[7/7] Let go  ok, changed 2"
    assert [line.split() for line in run.lines if line.startswith(("  one", "  away"))] == [
        ["away", "unreachable,", "nothing", "changed"],
        ["one", "ok,", "4", "changed"],
    ]
    assert "FAILED on away, in: 1.1 Prepare" in run.lines
    assert "Connection refused" in " ".join(run.lines)
    assert "make sure that ssh reaches the host" in "".join(run.lines)


def test_on_a_terminal_the_current_step_shows_its_seconds(tmp_path: Path) -> None:
    """And the line is gone once the step's own is printed."""
    command, environment = _command(tmp_path)
    ours, theirs = pty.openpty()
    child = subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**environment, "TERM": "xterm"}, cwd=ROOT)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        # The other end is closed.
        pass
    finally:
        os.close(ours)
    assert child.wait() == 0
    text = shown.decode()
    assert re.search(r"\r\x1b\[K\[1/7\] 1\.1 Prepare +\d+ s  \.\.\.\r", text)
    assert re.search(r"\r\x1b\[K[^\r\n]*\[1/7\] 1\.1 Prepare +\d+ s  ok, changed 2", text)


@pytest.mark.parametrize("name", ["drift.py"])
def test_a_run_within_a_run_keeps_ansibles_own_output(name: str) -> None:
    """It has callback plugins of its own, among which the view of its parent is not."""
    text = (ROOT / "roles/drift/action_plugins" / name).read_text("utf-8")
    assert '"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"' in text
