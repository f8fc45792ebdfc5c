"""One line for each step of a playbook; Ansible's own output goes into a file."""

from __future__ import annotations

import os
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from ansible import constants as C  # noqa: N812 - Ansible's own name
from ansible import context
from ansible.playbook.block import Block
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.display import Display

DOCUMENTATION = r"""
name: steps
type: stdout
short_description: One line for each step; the whole output in a file
description:
  - A step is what the play's own list of tasks imports or includes. Of a play with few steps the largest is shown by
    its parts.
  - Messages of C(debug) are shown, and of C(--diff) the differences. A failure is shown at the end, whole, with its
    host and task.
  - On a terminal the current step shows its seconds. Results that C(no_log) hides stay hidden, here and in the file.
  - To choose it, set C(ANSIBLE_STDOUT_CALLBACK=steps).
options:
  log_directory:
    description: Where the files are written, readable by their owner alone; the newest 20 are kept.
    type: path
    default: ~/.cache/milkbot/log
    env: [{name: MILKBOT_LOG_DIRECTORY}]
extends_documentation_fragment: [default_callback, result_format_callback]
"""

_KEPT_LOGS = 20
_FEW_STEPS = 8
# What a role brings along for every task, whatever was asked for.
_PLUMBING = ("meta", "validate_argument_spec", "include_vars", "set_fact")
_SHOWN_OUTPUT = 30
_AGAIN = "fix the cause and run the same command again: what is done already is left as it is"
_REACH = "make sure that ssh reaches the host, then run the same command again"
# Ansible warns of its own directory on every new host, where there is nothing to do.
_ROUTINE = "Module remote_tmp"
_HIDDEN = "its output is hidden, because it may hold a secret (no_log)"


def action_of(task: Any) -> str:
    return str(task.action).rpartition(".")[2]


def ancestors(task: Any) -> Iterator[Any]:
    """Blocks and includes around it, the nearest first."""
    while (task := getattr(task, "_parent", None)) is not None:
        yield task


def path_of(task: Any) -> tuple[str, ...]:
    """Names of the includes that lead to a task, the play's own first, and its own."""
    around = [entry.name or entry.get_name() for entry in ancestors(task) if isinstance(entry, TaskInclude)]
    # Without its role's name, which the step says already.
    return (*(str(name) for name in reversed(around)), str(task.name or task.get_name()))


def is_rescued(task: Any) -> bool:
    """Whether a `rescue` deals with its failure."""
    inner = task
    for entry in ancestors(task):
        if isinstance(entry, Block) and entry.rescue and inner._uuid in {one._uuid for one in entry.block}:  # noqa: SLF001
            return True
        inner = entry
    return False


def selected(blocks: Iterable[Any]) -> Iterator[Any]:
    """The tasks that the tags of the command line choose, in their order, without those of a `rescue`."""
    tags, skipped = context.CLIARGS["tags"], context.CLIARGS["skip_tags"]
    for entry in blocks:
        if isinstance(entry, Block):
            yield from selected([*entry.block, *entry.always])
        elif action_of(entry) not in _PLUMBING and entry.evaluate_tags(tags, skipped, {}):
            yield entry


def planned(paths: Sequence[tuple[str, ...]]) -> tuple[list[str], str]:
    """Names of the steps, by the paths of all tasks; and which step is shown by its parts, if any."""
    steps = list(dict.fromkeys(path[0] for path in paths))
    if not steps or len(steps) > _FEW_STEPS:
        return steps, ""
    largest = max(steps, key=lambda name: sum(path[0] == name for path in paths))
    within = [path for path in paths if path[0] == largest and len(path) > 1]
    parts = list(dict.fromkeys(path[1] for path in within))
    if len({path[1] for path in within if len(path) > 2}) < 2:
        return steps, ""
    at = steps.index(largest)
    return [*steps[:at], *parts, *steps[at + 1 :]], largest


def duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02} s"


def reason(result: Mapping[str, Any]) -> str:
    """Why a task failed, in full; nothing of what is hidden."""
    if "censored" in result or result.get("_ansible_no_log"):
        return _HIDDEN
    items = [entry for entry in result.get("results") or () if isinstance(entry, Mapping) and entry.get("failed")]
    if items:
        return "\n".join(f"{item.get('_ansible_item_label', item.get('item', ''))}: {reason(item)}" for item in items)
    said = str(result.get("msg") or "failed").strip()
    for name in ("stderr", "stdout", "module_stderr", "module_stdout"):
        text = str(result.get(name) or "").strip()
        if text and text not in said:
            last = text.splitlines()[-_SHOWN_OUTPUT:]
            said += "\n" + "\n".join([f"{name}:", *(f"  {line}" for line in last)])
    return said


def message(result: Mapping[str, Any]) -> str:
    """What a `debug` shows."""
    shown = {name: value for name, value in result.items() if not name.startswith("_ansible") and name != "changed"}
    value = shown.get("msg", shown)
    if isinstance(value, str):
        return value
    plain = yaml.safe_load(yaml.dump(value, Dumper=_Plain))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100).rstrip()


class _Plain(yaml.SafeDumper):
    """Ansible's texts and lists are of types of its own."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        return True


_Plain.add_multi_representer(str, lambda dumper, data: dumper.represent_str(str(data)))
_Plain.add_multi_representer(dict, lambda dumper, data: dumper.represent_dict(data))
_Plain.add_multi_representer(list, lambda dumper, data: dumper.represent_list(data))


class Log:
    """Takes what Ansible's own output would show, and writes it into a file."""

    def __init__(self, screen: Display) -> None:
        self._screen = screen
        self._file: Any = None
        self.path = ""
        self.clear: Callable[[], None] = lambda: None

    @property
    def verbosity(self) -> int:
        return int(self._screen.verbosity)

    def open(self, directory: Path, name: str) -> None:
        """A file of its own for this run; without one nothing is kept, and the path says why."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in sorted(directory.glob("*.log"), key=lambda path: path.stat().st_mtime)[: -_KEPT_LOGS + 1]:
                old.unlink(missing_ok=True)
            path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}-{os.getpid()}.log"
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
        except OSError as error:
            self.path = f"none: {error}"
        else:
            self.path = str(path)

    def display(self, msg: str, *_: Any, **__: Any) -> None:
        if self._file is not None:
            self._file.write(msg.rstrip("\n") + "\n")
            self._file.flush()

    def banner(self, msg: str, *_: Any, **__: Any) -> None:
        self.display(f"\n{msg} ".ljust(80, "*"))

    def _error(self, error: Any, stderr: bool) -> None:  # noqa: FBT001 - Ansible's
        # By the way of Ansible's own, but into the file: the screen has the reason at the end.
        Display._error(self, error, stderr)  # noqa: SLF001

    def _warning(self, warning: Any) -> None:
        said = str(getattr(getattr(warning, "event", None), "msg", warning))
        self.display(f"[WARNING]: {said}")
        if _ROUTINE not in said:
            self.clear()
            self._screen._warning(warning)  # noqa: SLF001

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screen, name)


@dataclass
class Step:
    """What happened in a step, on all hosts."""

    name: str
    number: int
    began: float
    changed: int = 0
    ok: int = 0
    wrong: str = ""

    def state(self, *, check: bool) -> str:
        if self.wrong:
            return self.wrong
        if not self.ok:
            return "skipped"
        return f"ok, {'would change' if check else 'changed'} {self.changed}" if self.changed else "ok"


@dataclass
class Failure:
    """What ended the run on a host."""

    host: str
    step: str
    task: Any
    reason: str
    to_do: str


class CallbackModule(Default):  # type: ignore[misc] # Ansible has no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "steps"

    def __init__(self) -> None:
        super().__init__()
        self._screen = self._display
        # What is inherited shows everything by this.
        self._display = self._log = Log(self._screen)
        self._tty = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._width = min(max(os.get_terminal_size().columns, 60), 100) if self._tty else 80
        self._names: list[str] = []
        self._parted = ""
        self._step: Step | None = None
        self._failures: list[Failure] = []
        self._began = time.monotonic()
        self._lock = threading.RLock()
        self._ticking = self._asking = False
        self._log.clear = self._clear
        self._hosts = 0
        self._check = bool(context.CLIARGS.get("check"))

    # Where it is.

    def v2_playbook_on_start(self, playbook: Any) -> None:
        directory = Path(os.path.expanduser(str(self.get_option("log_directory"))))  # noqa: PTH111 - may be no user's
        self._log.open(directory, Path(playbook._file_name).stem)  # noqa: SLF001 - known by no other name
        super().v2_playbook_on_start(playbook)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        super().v2_playbook_on_play_start(play)
        self._end_step()
        self._names, self._parted = planned([path_of(task) for task in selected(play.tasks)])
        if play.gather_facts is not False:
            self._names.insert(0, "Gathering Facts")
        self._print(f"{play.get_name()}{' (check mode: nothing is changed)' if self._check else ''}")
        self._print(f"whole output: {self._log.path}")
        self._print("")
        self._hosts = len(play.get_variable_manager()._inventory.get_hosts(play.hosts))  # noqa: SLF001 - no other way
        if self._tty and not self._ticking:
            self._ticking = True
            threading.Thread(target=self._tick, daemon=True).start()

    def v2_playbook_on_no_hosts_matched(self) -> None:
        super().v2_playbook_on_no_hosts_matched()
        self._print("No host matches: see the inventory (-i) and --limit.")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: FBT001 - Ansible's
        super().v2_playbook_on_task_start(task, is_conditional)
        if action_of(task) not in _PLUMBING:
            self._enter(task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        super().v2_playbook_on_handler_task_start(task)
        self._enter(task)

    def _enter(self, task: Any) -> None:
        path = path_of(task)
        name = path[1] if path[0] == self._parted and len(path) > 1 else path[0]
        with self._lock:
            if self._step is None or self._step.name != name:
                self._end_step()
                number = self._names.index(name) + 1 if name in self._names else 0
                self._step = Step(name, number, time.monotonic())
            # Then the line is for the answer.
            self._asking = action_of(task) == "pause"
            self._clear()
            self._paint()

    def _end_step(self) -> None:
        with self._lock:
            if self._step is not None:
                step, self._step = self._step, None
                color = C.COLOR_ERROR if step.wrong else C.COLOR_CHANGED if step.changed else None
                self._print(self._line(step, step.state(check=self._check)), color=color)

    # What comes of it.

    def v2_runner_on_ok(self, result: Any) -> None:
        if self._step is not None and not isinstance(result.task, TaskInclude):
            self._step.ok += 1
            self._step.changed += bool(result.result.get("changed"))
        if action_of(result.task) == "debug" and "censored" not in result.result:
            whose = f"{result.host.get_name()}:\n" if self._hosts > 1 else ""
            self._print(textwrap.indent(self._wrap(whose + message(result.result), 4), "    "))
        super().v2_runner_on_ok(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001 - Ansible's
        if not ignore_errors:
            self._fail(result, "FAILED", _AGAIN)
        elif self._step is not None:
            self._step.ok += 1
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if not result.task.ignore_unreachable:
            self._fail(result, "UNREACHABLE", _REACH)
        super().v2_runner_on_unreachable(result)

    def v2_on_file_diff(self, result: Any) -> None:
        super().v2_on_file_diff(result)
        if not context.CLIARGS.get("diff") or "censored" in result.result:
            return
        for entry in result.result.get("results", [result.result]) if result.task.loop else [result.result]:
            if entry.get("diff") and entry.get("changed") and (text := self._get_diff(entry["diff"])):
                self._print(textwrap.indent(text.rstrip(), "    "))

    def _fail(self, result: Any, how: str, to_do: str) -> None:
        step = self._step.name if self._step else ""
        self._failures.append(Failure(result.host.get_name(), step, result.task, reason(result.result), to_do))
        if self._step is not None:
            self._step.wrong = "failed, handled" if how == "FAILED" and is_rescued(result.task) else how

    # How it ended.

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end_step()
        super().v2_playbook_on_stats(stats)
        hosts = sorted(stats.processed)
        bad = [host for host in hosts if stats.failures.get(host) or stats.dark.get(host)]
        took = duration(time.monotonic() - self._began)
        if len(hosts) > 1 or not bad:
            self._print("")
        for host in hosts if len(hosts) > 1 else ():
            how = "unreachable" if stats.dark.get(host) else "failed" if host in bad else "ok"
            self._print(f"  {host:<30} {how}, {self._changed(stats.changed.get(host, 0))}")
        changed = sum(stats.changed.values())
        if not bad:
            self._print(f"Done in {took}: {self._changed(changed)}.", color=C.COLOR_OK)
            return
        for host in bad:
            # What a rescue dealt with came before, and is in the reason of what it failed with.
            count = stats.failures.get(host, 0) + stats.dark.get(host, 0)
            for failure in [failure for failure in self._failures if failure.host == host][-count:]:
                self._show(failure)
        self._print(f"\nFailed after {took}: {self._changed(changed)}.", color=C.COLOR_ERROR)

    def _changed(self, count: int) -> str:
        return f"{count} {'would change' if self._check else 'changed'}" if count else "nothing changed"

    def _show(self, failure: Failure) -> None:
        where = str(failure.task.get_path() or "")
        place = os.path.relpath(where) if where.startswith(f"{Path.cwd()}/") else where
        self._print(f"\nFAILED on {failure.host}, in: {failure.step}", color=C.COLOR_ERROR)
        self._print(self._field("task", f"{failure.task.get_name()}\n{place}"))
        self._print(self._field("reason", failure.reason))
        self._print(self._field("to do", failure.to_do))
        self._print(self._field("log", self._log.path))

    def _field(self, name: str, text: str) -> str:
        """Lines are kept; one that is longer than the screen is continued below itself."""
        lines = self._wrap(text, 10).splitlines() or [""]
        return "\n".join(f"  {name if at == 0 else '':<7} {line}".rstrip() for at, line in enumerate(lines))

    def _wrap(self, text: str, margin: int) -> str:
        lines: list[str] = []
        for line in text.splitlines():
            indent = " " * (len(line) - len(line.lstrip()))
            wrapped = textwrap.wrap(
                line, self._width - margin, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            )
            lines += [line] if len(line) <= self._width - margin else wrapped
        return "\n".join(lines)

    # The screen.

    def _line(self, step: Step, state: str) -> str:
        digits = len(str(len(self._names)))
        number = f"[{step.number:>{digits}}/{len(self._names)}]" if step.number else f"[{'+':>{2 * digits + 1}}]"
        tail = f"{round(time.monotonic() - step.began):>5} s  {state}"
        room = self._width - len(number) - 1 - 28
        name = step.name if len(step.name) <= room else step.name[: room - 3] + "..."
        return f"{number} {name.ljust(room)}{tail}"

    def _print(self, text: str, color: str | None = None) -> None:
        with self._lock:
            self._clear()
            self._screen.display(text, color=color)
            sys.stdout.flush()
            self._paint()

    def _clear(self) -> None:
        if self._tty:
            sys.stdout.flush()
            os.write(sys.stdout.fileno(), b"\r\033[K")

    def _paint(self) -> None:
        """The step under way. The cursor stays at the line's begin, for whatever else is printed."""
        if self._tty and self._step is not None and not self._asking:
            line = self._line(self._step, "...")[: self._width - 1]
            os.write(sys.stdout.fileno(), b"\r\033[K" + line.encode() + b"\r")

    def _tick(self) -> None:
        while True:
            time.sleep(1)
            with self._lock:
                self._paint()
