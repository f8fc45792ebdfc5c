#!/bin/bash
# Runs a command with what tests need of Molecule's machine in its environment.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# As in molecule/shared/vars/main.yml.
MILKBOT_E2E_MACHINE=molecule-default-$(printf %s "$root" | sha256sum | cut -c1-6)
MILKBOT_E2E_ADDRESS=$("$root/bin/vps" show "$MILKBOT_E2E_MACHINE" --field address)
export MILKBOT_E2E_ADDRESS MILKBOT_E2E_MACHINE
export MILKBOT_E2E_CA=$root/.local/molecule/default/secrets/tls/ca.pem
export MILKBOT_E2E_INVENTORY=$root/.local/molecule/default/inventory/hosts.yml
exec "$@"
