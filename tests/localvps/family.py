"""Calls bin/vps for machines of the tests' own: another bridge, network and state."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_VPS = Path(__file__).resolve().parents[2] / "bin/vps"
BRIDGE = "vpstest"
SUBNET = "10.89.0.0/24"


@dataclass(frozen=True, slots=True)
class Family:
    """Calls bin/vps for the tests' own family of machines."""

    state_dir: Path

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "MILKBOT_VPS_BRIDGE": BRIDGE,
            "MILKBOT_VPS_SUBNET": SUBNET,
            "MILKBOT_VPS_STATE_DIR": str(self.state_dir),
        }
        return subprocess.run([_VPS, *arguments], env=env, capture_output=True, text=True, check=False)

    def __call__(self, *arguments: str) -> str:
        done = self.call(*arguments)
        assert done.returncode == 0, f"bin/vps {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()
