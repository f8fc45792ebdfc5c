#!/usr/bin/env bash
# healthcheck.sh [--alert] [--json] [--quiet]
#
# Checks the whole platform and prints one row for each check: ok, warn or fail, the value, its limit, and the remedy. --alert sends
# what has changed to the channels (docs/health.md), --json prints an object, --quiet only what is not ok. The work is done by
# ../hostcheck, with the host's own Python: it needs no release that works.
# Exit codes: 0 all is well · 1 something warns · 2 something fails · 64 wrong usage · 70 the check is broken
#             75 another check that alerts is running · 77 not root · 78 a setting is wrong
set -Eeuo pipefail
exec /usr/bin/python3 -I "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../hostcheck" health "$@"
