"""Action: bring the diagnosis to a host's memory, run it there, keep its archive on the control node, judge it here."""

from __future__ import annotations

import base64
import importlib
import io
import os
import shlex
import sys
import zipfile
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: diagnosis
short_description: Collect what tells how a host is, and say what is wrong
description:
  - The program goes to the host by standard input and stays in its memory; the archive comes back by its output.
    Nothing is written on the host, so that a full disk does not matter, and no module of Ansible's is needed there.
  - Succeeds when it could collect, whatever it found. In check mode the archive is not kept.
options:
  directory: {description: Where the archive goes on the control node., type: path, required: true}
  hours: {description: How far back the first failure is searched., type: int, default: 6}
"""

RETURN = r"""
archive: {description: Its path; empty in check mode., returned: success, type: str}
shown: {description: The page., returned: success, type: list}
found: {description: "Names of what is wrong, the root of the rest first.", returned: success, type: list}
"""

_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = _ROOT / "deployment/hostcheck"
_MARK = "milkbot-diagnosis:"

# A file that has no place on any disk takes the program; Python imports from it as from any other.
_RUN = """
import base64, os, sys
memory = os.memfd_create("milkbot-diagnose")
with open(memory, "wb", closefd=False) as file:
    file.write(base64.b64decode(sys.stdin.read()))
sys.path.insert(0, "/proc/%d/fd/%d" % (os.getpid(), memory))
from milkbot_hostcheck.diagnose import collected_archive
print("MARK" + base64.b64encode(collected_archive(int(sys.argv[1]))).decode())
"""


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        hours = int(self._task.args.get("hours", 6))
        said = self._ask(hours)
        if isinstance(said, dict):
            return said
        if str(_PROGRAM) not in sys.path:
            sys.path.insert(0, str(_PROGRAM))
        program = importlib.import_module("milkbot_hostcheck.diagnose")
        collection_module = importlib.import_module("milkbot_hostcheck.collection")
        page = importlib.import_module("milkbot_hostcheck.page")
        name = (task_vars or {}).get("inventory_hostname", "host")
        try:
            collection = collection_module.unpack(said, f"what {name} sent")
        except collection_module.NoArchiveError as error:
            return {"failed": True, "msg": str(error)}
        found = program.judged(collection)
        path = "" if self._task.check_mode else str(self._keep(said, name, collection.facts["at"]))
        shown = page.page(collection, found, path)
        return {"changed": False, "archive": path, "shown": shown, "found": [diagnosis.name for diagnosis in found]}

    def _ask(self, hours: int) -> bytes | dict[str, Any]:
        """The archive's bytes, or how the task failed."""
        script = _RUN.replace("MARK", _MARK)
        command = f"python3 -I -B -c {shlex.quote(script)} {hours}"
        answer = self._low_level_execute_command(command, sudoable=True, in_data=base64.b64encode(_packed()))
        _, mark, encoded = str(answer.get("stdout", "")).rpartition(_MARK)
        if answer.get("rc") != 0 or not mark:
            said = (answer.get("stderr") or answer.get("stdout") or "nothing").strip()
            remedy = "on the host itself: /opt/milkbot/deployment/scripts/diagnose.sh"
            return {"failed": True, "msg": f"the host could not be asked: {said[-2000:]}; {remedy}"}
        return base64.b64decode(encoded)

    def _keep(self, archive: bytes, name: str, at: str) -> Path:
        directory = Path(os.path.normpath(Path(self._task.args["directory"]).expanduser()))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"{name}-{at.replace(':', '')}.tar.gz"
        temporary = path.with_suffix(".new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(archive)
        return temporary.replace(path)


def _packed() -> bytes:
    """The program as one zip file."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in _PROGRAM.rglob("*") if path.is_file() and path.suffix != ".pyc"):
            packed.write(path, str(path.relative_to(_PROGRAM)))
    return held.getvalue()
