"""`python -m milkbot.simulator`: the same as `milkbot simulate`."""

from __future__ import annotations

import sys

import typer

from milkbot.errors import MilkbotError
from milkbot.simulator.cli import simulate

if __name__ == "__main__":
    try:
        typer.run(simulate)
    except MilkbotError as error:
        for line in str(error).splitlines():
            print(f"milkbot simulate: {line}", file=sys.stderr)
        sys.exit(error.exit_code)
