"""The command line `milkbot`. Exit codes are those of milkbot.errors.ExitCode."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial

from milkbot.errors import ConfigError, ExitCode, MilkbotError


def main() -> None:
    """Run a command; an error that is ours is one sentence on standard error and its exit code."""
    try:
        _loaded(sys.argv[1:])()
        sys.exit(ExitCode.OK)
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
    finally:
        # The interpreter searches for garbage once more when it ends.
        gc.freeze()
        gc.enable()


def _loaded(arguments: Sequence[str]) -> Callable[[], object]:
    """What runs these arguments. It imports what they need and no more: a tick takes none, and needs no parser.

    Nothing that importing makes is garbage: it is not searched for any, now or later. Nor is what a tick makes: its
    process ends within seconds.
    """
    gc.disable()
    if arguments == ["tick"]:
        from milkbot.cli.tick import tick  # noqa: PLC0415 - of the other commands it is not imported

        return tick
    from milkbot.cli.app import application  # noqa: PLC0415 - it brings the parser

    command = partial(application(next(iter(arguments), None)), prog_name="milkbot")
    gc.freeze()
    gc.enable()
    return command
