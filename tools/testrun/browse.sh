#!/bin/bash
# Runs a command with the address and the authority of Molecule's machine in its environment.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
MILKBOT_E2E_ADDRESS=$("$root/bin/vps" show molecule-default --field address)
export MILKBOT_E2E_ADDRESS
export MILKBOT_E2E_MACHINE=molecule-default
export MILKBOT_E2E_CA=$root/.local/molecule/default/secrets/tls/ca.pem
exec "$@"
