"""Ansible module: whether the name of the server that packages come from resolves."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_names import resolver

DOCUMENTATION = r"""
module: package_server
short_description: Fail at once where apt would be silent for minutes
options:
  top: {description: Directory below which apt's files are read., type: path, default: /}
  seconds: {description: How long the name server has., type: int, default: 10}
"""


def main() -> None:
    module = AnsibleModule(
        {"top": {"type": "path", "default": "/"}, "seconds": {"type": "int", "default": 10}}, supports_check_mode=True
    )
    found = resolver(Path(module.params["top"]), module.params["seconds"])
    if problem := found["problem"]:
        module.fail_json(msg=f"{problem['name']} = {problem['value']}: {problem['fix']}")
    module.exit_json(changed=False, name=found["name"])


if __name__ == "__main__":
    main()
