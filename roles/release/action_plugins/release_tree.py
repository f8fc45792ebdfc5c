"""The control node's half of release_tree: makes the archive and brings it to the host."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """`command` prints the archive, of which nothing stays on the control node; with `on_host` it is run there."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        asked = dict(self._task.args)
        if asked.pop("on_host", False):
            made: dict[str, Any] = self._execute_module(
                module_name="release_tree", module_args=asked, task_vars=task_vars
            )
            return made
        try:
            with tempfile.TemporaryDirectory(prefix="milkbot-release-") as directory:
                archive = Path(directory) / "release.tar"
                with archive.open("wb") as file:
                    done = subprocess.run(  # noqa: S603 - the role's own words
                        asked.pop("command"), check=False, stdout=file, stderr=subprocess.PIPE, text=True
                    )
                if done.returncode != 0:
                    return {"failed": True, "msg": f"the archive cannot be made: {done.stderr.strip()}"}
                return self._unpack(archive, asked, task_vars)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)  # noqa: SLF001 - the way of Ansible's own plugins

    def _unpack(self, archive: Path, asked: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        there = self._connection._shell.join_path(self._make_tmp_path(), archive.name)  # noqa: SLF001
        self._transfer_file(str(archive), there)
        answer: dict[str, Any] = self._execute_module(
            module_name="release_tree", module_args=asked | {"source": there}, task_vars=task_vars
        )
        return answer
