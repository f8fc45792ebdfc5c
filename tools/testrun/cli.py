"""Command line of bin/test: exit code 0 when every part passes, 1 when one fails, 2 for wrong usage."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from testrun import outcome, runner
from testrun.parts import build, images_without_mirror, names

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen parts and print the table and the closing line."""
    parser = argparse.ArgumentParser(prog="bin/test", description="Run the tests; without a PART all of them.")
    parser.add_argument(
        "--all",
        action="store_true",
        help="every case of the long matrices, and every part that needs a machine on each image that has a mirror",
    )
    everything = names(all_images=True)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(everything))
    options = parser.parse_args(arguments)
    unknown = [name for name in options.parts if name not in everything]
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}: choose from {', '.join(everything)}")
    wanted = options.parts or names(all_images=options.all)
    if options.all:
        without = images_without_mirror()
        wanted = [name for name in wanted if name not in without]
        for name, reason in without.items():
            print(f"{name}: not run: {reason}")
    outcomes = runner.run(build([name for name in everything if name in wanted], matrix=options.all))
    print(f"\n{outcome.table(outcomes)}\n\n{outcome.summary(outcomes)}")
    return 0 if all(result.ok for result in outcomes) else 1
