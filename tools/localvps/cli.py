"""Command line of bin/vps. Exit codes: 0 done, 1 failed, 2 wrong usage; `ssh` gives the command's own."""

from __future__ import annotations

import argparse
import json
import sys
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from localvps import config as configuration
from localvps import files, generate, host, images, lifecycle, ready, recipes, show, ssh
from localvps import machine as machines
from localvps.errors import VpsError, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from localvps.config import Config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bin/vps", description="Local machines for trying and testing the platform.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help_text: str, *, machine: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_text, description=help_text)
        if machine:
            sub.add_argument("name", metavar="NAME", help="machine")
        return sub

    image = add("image", "build, list or remove images", machine=False)
    image.add_argument("action", choices=("build", "list", "remove"))
    image.add_argument("image", nargs="?", default=recipes.DEFAULT, help=f"default {recipes.DEFAULT}")
    create = add("create", "make a machine")
    create.add_argument("--image", default=recipes.DEFAULT, help=f"one of {', '.join(recipes.RECIPES)}")
    create.add_argument("--start", action="store_true", help="boot it too, and wait until it is ready")
    starting = add("start", "boot a machine and wait until it is ready")
    for sub in (create, starting):
        sub.add_argument(
            "--as-container", action="store_true", help="until it first boots its own kernel: run it on this host's"
        )
    for name, text in (
        ("stop", "shut a machine down"),
        ("restart", "shut a machine down and boot it"),
        ("kill", "cut a machine's power"),
    ):
        add(name, text)
    snapshot = add("snapshot", "freeze a machine's disk under a name")
    snapshot.add_argument("snapshot", metavar="SNAPSHOT")
    reset = add("reset", "go back to a snapshot, without one to the image")
    reset.add_argument("snapshot", metavar="SNAPSHOT", nargs="?")
    destroy = add("destroy", "remove a machine", machine=False)
    destroy.add_argument("name", metavar="NAME", nargs="?")
    destroy.add_argument("--all", action="store_true", help="every machine")
    listing = add("list", "list the machines", machine=False)
    listing.add_argument("--json", action="store_true")
    showing = add("show", "show all about a machine")
    showing.add_argument("--json", action="store_true")
    showing.add_argument("--field", help="print one value alone")
    shell = add("ssh", "run a command, without one a shell, as root on a machine")
    shell.add_argument("words", metavar="COMMAND", nargs=argparse.REMAINDER)
    wait = add("wait", "wait until a machine is ready")
    wait.add_argument("--seconds", type=float, default=lifecycle.BOOT_SECONDS)
    add("purge", "remove every machine, image and key", machine=False)
    generating = add("secrets", "make a machine's secrets once, as Ansible variables (needs no root)", machine=False)
    generating.add_argument("directory", type=Path, help="where they are kept")
    generating.add_argument("--address", type=IPv4Address, required=True, help="address in the certificate")
    generating.add_argument("--vars", type=Path, required=True, help="file of variables to write")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every VpsError becomes one message on stderr and exit code 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "destroy" and bool(options.name) == options.all:
        parser.error("destroy takes a NAME or --all")
    try:
        config = configuration.load()
        if options.command != "secrets":
            host.require_root()
        return _dispatch(config, options)
    except VpsError as error:
        print(f"vps: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("vps: interrupted; the same command again continues", file=sys.stderr)
        return 130


def _dispatch(config: Config, options: argparse.Namespace) -> int:
    if options.command == "ssh":
        machine = lifecycle.running(config, options.name)
        return ssh.as_root(config, machine, options.words, terminal=sys.stdin.isatty() and not options.words)
    _COMMANDS[options.command](config, options)
    return 0


def _create(config: Config, options: argparse.Namespace) -> None:
    lifecycle.create(config, options.name, options.image)
    if options.start:
        _start(config, options)


def _start(config: Config, options: argparse.Namespace) -> None:
    lifecycle.start(config, options.name, as_container=options.as_container)
    _ready(config, options.name)


def _restart(config: Config, options: argparse.Namespace) -> None:
    lifecycle.stop(config, options.name)
    lifecycle.start(config, options.name)
    _ready(config, options.name)


def _stop(config: Config, options: argparse.Namespace) -> None:
    lifecycle.stop(config, options.name, cut=options.command == "kill")


def _snapshot(config: Config, options: argparse.Namespace) -> None:
    if lifecycle.snapshot(config, options.name, options.snapshot):
        _ready(config, options.name)


def _reset(config: Config, options: argparse.Namespace) -> None:
    if lifecycle.reset(config, options.name, options.snapshot):
        _ready(config, options.name)


def _destroy(config: Config, options: argparse.Namespace) -> None:
    names = [machine.name for machine in machines.everyone(config)] if options.all else [options.name]
    for name in names:
        lifecycle.destroy(config, name)


def _purge(config: Config, options: argparse.Namespace) -> None:
    options.all = True
    _destroy(config, options)
    files.remove_tree(config.images_dir)
    files.remove_tree(config.ssh_dir)
    say("every machine, image and key is removed")


def _secrets(_config: Config, options: argparse.Namespace) -> None:
    generate.generate(options.directory, options.address, options.vars)


def _wait(config: Config, options: argparse.Namespace) -> None:
    _ready(config, options.name, options.seconds)


def _ready(config: Config, name: str, seconds: float = lifecycle.BOOT_SECONDS) -> None:
    ready.wait(config, machines.get(config, name), seconds)
    say(f"{name}: ready")


def _image(config: Config, options: argparse.Namespace) -> None:
    match options.action:
        case "build":
            print(images.ensure(config, options.image).path)
        case "remove":
            in_use = {machine.image_path for machine in machines.everyone(config)}
            images.remove(config, recipes.find(options.image).name, in_use)
        case _:
            there = images.existing(config)
            rows = [[item.name, f"{images.size_bytes(item) // 2**20} MB", str(item.path)] for item in there]
            print(show.table(rows), end="")


def _show(config: Config, options: argparse.Namespace) -> None:
    facts = show.describe(config, machines.get(config, options.name))
    if options.field:
        if options.field not in facts:
            raise VpsError(f"--field {options.field}: choose one of {', '.join(facts)}")
        print(facts[options.field])
    elif options.json:
        print(json.dumps(facts, indent=2))
    else:
        print(show.table([[key, str(value)] for key, value in facts.items()]), end="")


def _list(config: Config, options: argparse.Namespace) -> None:
    everyone = [show.describe(config, machine) for machine in machines.everyone(config)]
    if options.json:
        print(json.dumps(everyone, indent=2))
    else:
        rows = [[str(facts[key]) for key in ("name", "state", "image", "address")] for facts in everyone]
        print(show.table(rows), end="")


_COMMANDS: dict[str, Callable[[Config, argparse.Namespace], None]] = {
    "create": _create,
    "destroy": _destroy,
    "image": _image,
    "kill": _stop,
    "list": _list,
    "purge": _purge,
    "reset": _reset,
    "restart": _restart,
    "secrets": _secrets,
    "show": _show,
    "snapshot": _snapshot,
    "start": _start,
    "stop": _stop,
    "wait": _wait,
}
