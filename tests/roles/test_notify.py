"""Notifications of a deploy: real playbooks, and real servers that take it, refuse it, or keep silent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.patience import PATIENCE
from tests.roles.receiver import Receiver, receiving
from tests.roles.rendering import ROLES, ROOT, plugin

NOTIFICATION = plugin("notify/action_plugins/notification.py")

LINE = {"at": "2026-01-02T03:04:05Z", "action": "deploy", "release": "new", "before": "old", "by": "ann@desk"}
RETURNED = {**LINE, "result": "returned", "task": "Switch", "reason": "it would\nnot start"}
SECRET = "hush-hush-42"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


@pytest.fixture
def serve() -> Iterator[Callable[..., Receiver]]:
    with ExitStack() as stack:
        yield lambda status=200: stack.enter_context(receiving(status))


@pytest.fixture
def dead() -> str:
    """Where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


def _message(event: str, line: dict[str, Any]) -> dict[str, Any]:
    role = {"name": "notify", "tasks_from": "send"}
    return {"ansible.builtin.include_role": role, "vars": {"notify_event": event, "notify_line": line}}


CHECK = {"ansible.builtin.import_role": {"name": "notify"}}
START, SUCCESS, FAILURE = (
    _message("start", LINE),
    _message("success", {**LINE, "result": "good"}),
    _message("failure", RETURNED),
)


class Play:
    """Runs tasks as Ansible runs a playbook of ours, with root's arguments and the variables of an inventory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def command(self, *tasks: dict[str, Any], hosts: dict[str, Any] | None = None, **variables: Any) -> list[str]:
        # The variables are an inventory's: ansible-playbook would have to show what is given on its command line.
        here = {"here": {"ansible_connection": "local"}}
        inventory = {"all": {"hosts": hosts or here, "vars": variables}}
        play = [{"hosts": "all", "gather_facts": False, "become": True, "tasks": list(tasks)}]
        for name, content in (("inventory", inventory), ("play", play)):
            (self.directory / f"{name}.yml").write_text(yaml.safe_dump(content), "utf-8")
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        return [program, "-i", str(self.directory / "inventory.yml"), str(self.directory / "play.yml")]

    @staticmethod
    def environment(**more: str) -> dict[str, str]:
        # Wide enough for no warning to be broken into lines.
        fixed = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "400"}
        return os.environ | fixed | more

    def run(
        self,
        *tasks: dict[str, Any],
        options: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        **more: Any,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command(*tasks, **more), *options],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(**environment or {}),
            timeout=PATIENCE,
        )


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_a_webhook_receives_the_text_form_of_chat_services(play: Play, serve: Callable[..., Receiver]) -> None:
    server = serve()
    done = play.run(FAILURE, notify_urls=[f"http://{server.address}/hook/a%2Fb?token={SECRET}"])
    assert (done.returncode, "WARNING" in done.stdout) == (0, False), done.stdout
    ((path, body),) = server.taken
    assert path == f"/hook/a%2Fb?token={SECRET}"
    assert list(body) == ["text"]
    assert body["text"].splitlines() == [
        "milkbot: update FAILED and returned to old on here",
        "at: 2026-01-02T03:04:05Z",
        "action: deploy",
        "result: returned",
        "release: new",
        "before: old",
        "by: ann@desk",
        "task: Switch",
        "reason: it would not start",
    ]


def test_a_webhook_of_apprise_or_ntfy_receives_its_own_form(play: Play, serve: Callable[..., Receiver]) -> None:
    server = serve()
    urls = [f"json://{server.address}/hook", f"ntfy://{server.address}/topic"]
    done = play.run(START, SUCCESS, notify_urls=urls)
    assert (done.returncode, "WARNING" in done.stdout) == (0, False), done.stdout
    got = sorted((path, body["title"], body["message"].splitlines()[1]) for path, body in server.taken)
    titles = ("milkbot: update started on here", "milkbot: update succeeded on here")
    assert got == [(path, title, "action: deploy") for path in ("/", "/hook") for title in titles]
    assert {body["topic"] for path, body in server.taken if path == "/"} == {"topic"}


def test_a_refusing_channel_fails_neither_the_deploy_nor_the_other_channels(
    play: Play, serve: Callable[..., Receiver], dead: str
) -> None:
    well, broken = serve(), serve(500)
    urls = [f"json://{dead}/{SECRET}", f"http://{broken.address}/{SECRET}", f"ntfy://{well.address}/topic"]
    done = play.run(FAILURE, notify_urls=urls, options=("-vvv",))
    assert done.returncode == 0, done.stdout
    assert [body["title"] for _, body in well.taken] == ["milkbot: update FAILED and returned to old on here"]
    refused = f"json://{dead}/… (entry 1 of notify_urls) was not taken: the connection was refused"
    answered = (
        f"http://{broken.address}/… (entry 2 of notify_urls) was not taken: it answered 500 (Internal Server Error)"
    )
    assert refused in done.stdout
    assert answered in done.stdout
    assert done.stdout.count("was not taken") == 2
    assert SECRET not in done.stdout


def test_a_channel_that_never_answers_does_not_delay_the_deploy(play: Play, serve: Callable[..., Receiver]) -> None:
    slow, well = serve(None), serve()
    urls = [f"http://{slow.address}/{SECRET}", f"http://{slow.address}/2", f"http://{well.address}/"]
    began = time.monotonic()
    done = play.run(START, notify_urls=urls, notify_timeout=2)
    assert time.monotonic() - began < PATIENCE
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("was not taken: it did not answer in time") == 2
    assert (len(slow.taken), len(well.taken)) == (2, 1)
    assert SECRET not in done.stdout


def test_an_invalid_address_is_refused_before_it_is_needed(play: Play, serve: Callable[..., Receiver]) -> None:
    server = serve()
    urls = [f"http://{server.address}/", f"slak://{SECRET}/x", SECRET, f"slack://{SECRET}", f"http://[{SECRET}"]
    done = play.run(CHECK, START, notify_urls=urls, options=("-vvv",))
    assert done.returncode == 2, done.stdout
    for number, shown in enumerate(["slak://…", "(no scheme)", "slack://…", "http://…"], start=2):
        assert f"notify_urls, entry {number} = {shown}, the rest is secret: give an address that Apprise" in done.stdout
    assert "notify_urls, entry 1" not in done.stdout
    assert SECRET not in done.stdout
    assert server.taken == []


def test_addresses_of_chat_services_are_accepted(play: Play) -> None:
    hook = SLACK.replace("slack://", "https://hooks.slack.com/services/")
    urls = [SLACK, hook, "ntfys://topic", "ntfys://ntfy.example/topic", "mailto://u:p@example.com", "https://[::1]:8/x"]
    done = play.run(CHECK, notify_urls=urls)
    assert (done.returncode, "WARNING" in done.stdout) == (0, False), done.stdout


@pytest.mark.parametrize(
    ("name", "value"), [("notify_on", ["finish"]), ("notify_timeout", 0), ("notify_urls", ["{{ absent }}" + SECRET])]
)
def test_a_wrong_setting_is_refused_before_it_is_needed(play: Play, name: str, value: Any) -> None:
    wrong: dict[str, Any] = {name: value}
    done = play.run(CHECK, **wrong)
    assert done.returncode == 2, done.stdout
    assert name in done.stdout


def test_only_the_chosen_events_are_notified(play: Play, serve: Callable[..., Receiver]) -> None:
    server = serve()
    play.run(START, SUCCESS, FAILURE, notify_urls=[f"json://{server.address}"], notify_on=["failure"])
    assert [body["type"] for _, body in server.taken] == ["failure"]


def test_check_mode_notifies_nobody(play: Play, serve: Callable[..., Receiver]) -> None:
    server = serve()
    done = play.run(CHECK, START, SUCCESS, FAILURE, notify_urls=[f"json://{server.address}"], options=("--check",))
    assert (done.returncode, server.taken) == (0, []), done.stdout


def test_the_deploy_continues_without_apprise(play: Play, serve: Callable[..., Receiver], tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/apprise.py").write_text("raise ImportError", "utf-8")
    server = serve()
    hidden = {"PYTHONPATH": str(tmp_path / "hidden")}
    done = play.run(CHECK, START, notify_urls=[f"json://{server.address}/{SECRET}"], environment=hidden)
    assert done.returncode == 0, done.stdout
    assert "has no apprise; `uv sync --group ops` installs it" in done.stdout
    assert SECRET not in done.stdout


def test_the_deploy_continues_when_apprise_crashes(play: Play, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/apprise.py").write_text(f"raise RuntimeError({SECRET!r})", "utf-8")
    hidden = {"PYTHONPATH": str(tmp_path / "hidden")}
    done = play.run(START, notify_urls=[f"json://localhost/{SECRET}"], environment=hidden)
    assert done.returncode == 0, done.stdout
    assert "the start on here was sent to nobody (CalledProcessError)" in done.stdout
    assert SECRET not in done.stdout


FAIL = {"ansible.builtin.fail": {"msg": "the way back failed too"}, "name": "Go back"}
PING = {"ansible.builtin.ping": {}, "name": "Go on"}


def test_the_loss_of_the_host_is_notified(play: Play, serve: Callable[..., Receiver], dead: str) -> None:
    server = serve()
    gone = {"gone": {"ansible_host": "127.0.0.1", "ansible_port": int(dead.partition(":")[2])}}
    done = play.run(START, PING, hosts=gone, notify_urls=[f"json://{server.address}/{SECRET}"])
    assert done.returncode == 4, done.stdout
    start, end = (body for _, body in server.taken)
    assert (start["title"], end["title"]) == ("milkbot: update started on gone", "milkbot: update FAILED on gone")
    assert "task: Go on" in end["message"]
    assert "refused" in end["message"]
    assert SECRET not in done.stdout


def test_a_deploy_whose_return_fails_too_is_notified(play: Play, serve: Callable[..., Receiver]) -> None:
    server = serve()
    play.run(START, FAIL, notify_urls=[f"json://{server.address}"])
    assert [body["type"] for _, body in server.taken] == ["info", "failure"]
    message = server.taken[1][1]["message"]
    assert "task: Go back\nreason: the way back failed too" in message
    assert "result: failed" in message


def test_the_output_of_a_secret_task_is_not_notified(play: Play, serve: Callable[..., Receiver]) -> None:
    server = serve()
    secret = {"ansible.builtin.fail": {"msg": SECRET}, "name": "Write it", "no_log": True}
    play.run(START, secret, notify_urls=[f"json://{server.address}"])
    message = server.taken[1][1]["message"]
    assert "task: Write it\nreason: failed" in message
    assert SECRET not in message


@pytest.mark.parametrize("tasks", [(START, FAILURE, FAIL), (START, SUCCESS, FAIL), (FAIL,), (START, PING)])
def test_the_end_of_a_started_deploy_is_notified_once(
    play: Play, serve: Callable[..., Receiver], tasks: tuple[dict[str, Any], ...]
) -> None:
    server = serve()
    play.run(*tasks, notify_urls=[f"json://{server.address}"])
    assert len(server.taken) == sum(task in (START, SUCCESS, FAILURE) for task in tasks)


def test_an_interrupted_deploy_is_notified(play: Play, serve: Callable[..., Receiver], tmp_path: Path) -> None:
    server, at_work = serve(), tmp_path / "at work"
    pause = {"ansible.builtin.command": {"argv": ["sh", "-c", 'touch "$0" && exec sleep 60', str(at_work)]}}
    command = play.command(START, pause, notify_urls=[f"json://{server.address}"])
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=play.environment(),
        start_new_session=True,
    ) as running:
        try:
            # Not before: Ansible never ends when one of its workers is interrupted while it reports to the others.
            while not at_work.exists():
                assert running.poll() is None, "it ended by itself"
                time.sleep(0.05)
            os.killpg(running.pid, signal.SIGINT)
            running.communicate(timeout=PATIENCE)
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
    assert [body["type"] for _, body in server.taken] == ["info", "failure"]
    assert "reason: the run was interrupted" in server.taken[1][1]["message"]


@pytest.mark.parametrize(
    "url",
    [
        SLACK,
        f"ntfys://{SECRET}",
        f"ntfys://{SECRET}/other?mode=cloud",
        f"tgram://{SECRET}/1",
        f"http://{SECRET}:x@[bad",
        SECRET,
        f"http://user:{SECRET}@host/",
    ],
)
def test_the_secret_part_of_an_address_is_never_shown(url: str) -> None:
    assert not any(part in NOTIFICATION.label(url) for part in (SECRET, "T1JJ3T3L2"))


def test_a_long_reason_is_cut_in_the_message() -> None:
    told = NOTIFICATION.message("failure", {**RETURNED, "reason": "word\n" * 1000}, "here")
    assert max(len(line) for line in told["body"].splitlines()) < 320


def test_the_reason_of_a_refusal_is_the_channels_answer(serve: Callable[..., Receiver]) -> None:
    asked = {"title": "Connection refused", "body": "error=404", "type": "info"}
    settings = NOTIFICATION.Settings([f"json://{serve(418).address}"], [], 5)
    assert settings.ask(**asked) == ["it answered 418 (I'm a Teapot)"]


def test_the_events_are_those_that_are_documented() -> None:
    spec = yaml.safe_load((ROLES / "notify/meta/argument_specs.yml").read_text("utf-8"))
    assert tuple(spec["argument_specs"]["main"]["options"]["notify_on"]["choices"]) == NOTIFICATION.EVENTS
