"""Ansible module: many files and directories in one round trip."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: install_files
short_description: Install many files and directories in one round trip
description:
  - Does what M(ansible.builtin.copy) and M(ansible.builtin.file) do in a loop, in one call instead of two or three for
    each item. Files are replaced atomically, after what O(files[].validate) names has judged them.
  - Supports check mode and diff.
options:
  files:
    description: >-
      In this order. What has no C(content) is a directory, or with C(touch) a file whose content is its own matter.
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: Where it goes., type: path, required: true}
      content: {description: The file's content., type: str}
      touch: {description: Make an empty file where none is, and leave its content alone., type: bool, default: false}
      owner: {description: Its owner and group., type: str, default: root}
      mode: {description: Its permissions in octal., type: str, default: "0644"}
      validate: {description: Command that judges the new file; %s stands for its path., type: str}
"""

RETURN = r"""
changed_paths:
  description: Paths that were changed, or in check mode would be.
  returned: always
  type: list
"""

ITEM = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "touch": {"type": "bool", "default": False},
    "owner": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0644"},
    "validate": {"type": "str"},
}


def _read(path: Path) -> str:
    """The text as it lies there: a line that ends in CR LF is not the same as one that ends in LF."""
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _refuse_translated(module: AnsibleModule) -> None:
    """Before anything is written: nothing runs a script whose lines end in CR LF."""
    translated = [item["path"] for item in module.params["files"] if _is_translated(item["content"] or "")]
    if translated:
        module.fail_json(
            msg=f"lines end in CR LF in {', '.join(translated)}, so no program could run it: "
            "set core.autocrlf to false in the control node's git and check the files out again"
        )


def _is_translated(content: str) -> bool:
    return content.startswith("#!") and "\r\n" in content


def _write(module: AnsibleModule, item: dict[str, Any]) -> dict[str, str] | None:
    """Write the content where it differs. Returns the difference, None when there is none."""
    path = Path(item["path"])
    before = _read(path) if path.exists() else ""
    if path.exists() and before == item["content"]:
        return None
    if not module.check_mode:
        temporary = Path(module.tmpdir) / path.name
        temporary.touch(mode=0o600)
        temporary.write_text(item["content"], encoding="utf-8")
        _judge(module, item, temporary)
        module.atomic_move(str(temporary), str(path))
    return {"before_header": str(path), "after_header": str(path), "before": before, "after": item["content"]}


def _judge(module: AnsibleModule, item: dict[str, Any], temporary: Path) -> None:
    if not item["validate"]:
        return
    code, said, complained = module.run_command(shlex.split(item["validate"].replace("%s", str(temporary))))
    if code != 0:
        module.fail_json(msg=f"{item['path']} was left as it was: {(complained or said).strip()}", rc=code)


def _make(module: AnsibleModule, item: dict[str, Any]) -> dict[str, str] | None:
    """Make the directory or the empty file where it is missing."""
    path = Path(item["path"])
    if path.exists():
        return None
    if not module.check_mode:
        path.touch(mode=0o600) if item["touch"] else path.mkdir(mode=0o700, parents=True)
    return {"before_header": str(path), "after_header": str(path), "before": "absent\n", "after": "present\n"}


def _attributes(module: AnsibleModule, item: dict[str, Any]) -> bool:
    """Set owner, group and mode. In check mode what is not there yet cannot be looked at."""
    if module.check_mode and not os.path.lexists(item["path"]):
        return False
    common = {"path": item["path"], "owner": item["owner"], "group": item["owner"], "mode": item["mode"]}
    arguments = module.load_file_common_arguments(
        {**common, "attributes": None, "follow": False, "unsafe_writes": False}
    )
    return bool(module.set_fs_attributes_if_different(arguments, changed=False))


def main() -> None:
    module = AnsibleModule(
        {"files": {"type": "list", "elements": "dict", "required": True, "options": ITEM}}, supports_check_mode=True
    )
    # A new file gets its mode after its content: until then nobody but its writer may read it.
    os.umask(0o077)
    _refuse_translated(module)
    changed, diffs = [], []
    for item in module.params["files"]:
        difference = _make(module, item) if item["content"] is None else _write(module, item)
        if _attributes(module, item) or difference is not None:
            changed.append(item["path"])
        if difference is not None:
            diffs.append(difference)
    module.exit_json(changed=bool(changed), changed_paths=changed, diff=diffs)


if __name__ == "__main__":
    main()
