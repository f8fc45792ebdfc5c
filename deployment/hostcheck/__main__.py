"""What healthcheck.sh and diagnose.sh run: `python3 -I deployment/hostcheck health|diagnose ...`."""

from __future__ import annotations

import sys

from milkbot_hostcheck import diagnose, health

if __name__ == "__main__":
    view, arguments = sys.argv[1], sys.argv[2:]
    sys.exit(diagnose.main(arguments) if view == "diagnose" else health.main(arguments))
