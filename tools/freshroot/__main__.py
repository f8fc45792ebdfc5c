"""Entry of `python3 -m freshroot COMMAND...`: ends with the exit code of the command, 1 for an error of its own."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from freshroot import base, cell
from localvps import files, host
from localvps.config import Config
from localvps.errors import VpsError

_TREE = Path(__file__).resolve().parents[2]
_RUN = Path("/run/milkbot-vps")
_SIGNALLED = 128


def _terminated(number: int, _frame: object) -> NoReturn:
    raise SystemExit(_SIGNALLED + number)


def main(command: list[str]) -> int:
    """Make the root, run the command in it, and leave nothing but the caches."""
    state = Path(os.environ.get("MILKBOT_FRESH_DIR", "/var/cache/milkbot-fresh"))
    bridge = os.environ.get("MILKBOT_FRESH_BRIDGE", "milkbotf")
    subnet = ipaddress.IPv4Network(os.environ.get("MILKBOT_FRESH_SUBNET", "10.86.0.0/24"))
    config = Config(state, state, _RUN / bridge, bridge, subnet)
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGHUP, _terminated)
    try:
        host.require_root()
        host.require("git", "ip", "mmdebstrap", "nft", "nsenter", "setpriv", "unshare")
        # What a run finds of its own names is of a run that was killed, since no other holds these locks.
        with (
            files.lock(_RUN / f"fresh-{bridge}.lock", f"a fresh root at {bridge}"),
            files.lock(state / "lock", str(state)),
        ):
            if os.environ.get("MILKBOT_FRESH_ANEW"):
                base.forget(state)
            with cell.opened(config, base.ensure(state), _TREE) as ready:
                return ready.run(command)
    except VpsError as error:
        print(f"fresh root: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _SIGNALLED + signal.SIGINT


if __name__ == "__main__":
    if sys.argv[1:2] in ([], ["--help"], ["-h"]):
        print(f"Usage: tools/fresh-root COMMAND...\n\n{sys.modules['freshroot'].__doc__}")
        sys.exit(0 if sys.argv[1:] else 2)
    sys.exit(main(sys.argv[1:]))
