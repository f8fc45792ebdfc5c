"""The command line `milkbot`. Exit codes are those of milkbot.errors.ExitCode."""

from __future__ import annotations

import gc
import sys
import traceback

import typer

from milkbot.cli.app import application
from milkbot.errors import ConfigError, ExitCode, MilkbotError


def main() -> None:
    """Run a command; an error that is ours is one sentence on standard error and its exit code."""
    try:
        _loaded(next(iter(sys.argv[1:]), None))(prog_name="milkbot")
    except ConfigError as error:
        print("milkbot: the configuration is wrong:", file=sys.stderr)
        for problem in error.problems:
            print(f"  - {problem}", file=sys.stderr)
        sys.exit(error.exit_code)
    except MilkbotError as error:
        print(f"milkbot: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("milkbot: interrupted", file=sys.stderr)
        sys.exit(ExitCode.FAILED)
    except Exception:  # noqa: BLE001 - an unforeseen error needs an exit code of its own
        traceback.print_exc()
        print("milkbot: internal error; please report it with the lines above", file=sys.stderr)
        sys.exit(ExitCode.INTERNAL)


def _loaded(asked: str | None) -> typer.Typer:
    """The application. Nothing that importing makes is garbage: it is not searched for any, now or later."""
    gc.disable()
    try:
        return application(asked)
    finally:
        gc.freeze()
        gc.enable()
