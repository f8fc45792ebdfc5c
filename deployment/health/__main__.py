"""What healthcheck.sh runs: the directory is given to Python, which then finds the package beside this file."""

from __future__ import annotations

import sys

from milkbot_health.cli import main

if __name__ == "__main__":
    main(sys.argv[1:])
