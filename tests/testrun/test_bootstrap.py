"""What bin/up, bin/test and bin/setup begin with on a new machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from testrun.parts import ROOT

_COMMAND = '. bin/lib/bootstrap.sh; need_uv; "$uv" --version'


def test_two_commands_that_start_at_once_on_a_new_machine_install_uv_once(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    runs = [
        subprocess.Popen(
            ["bash", "-euc", _COMMAND],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    texts = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], texts
    assert "".join(texts).count("installing uv") == 1
    assert all("uv 0." in text for text in texts)
