"""Rendering a role's templates on this machine, with Ansible's own engine and no host."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, init_plugin_loader, module_loader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]
ROLES = ROOT / "roles"

FACTS = {
    "distribution": "Debian",
    "distribution_major_version": "12",
    "distribution_version": "12.11",
    "distribution_release": "bookworm",
    "all_ipv6_addresses": ["2001:db8::1"],
}

SECRETS = {
    "environment_postgres_password": 'a"b\\c $HOME `x` # %',
    "environment_kalshi_private_key": "-----BEGIN PRIVATE KEY-----",
    "nginx_certificate": "-----BEGIN CERTIFICATE-----",
    "nginx_private_key": "-----BEGIN PRIVATE KEY-----",
}


@cache
def load_plugins() -> None:
    """Loads Ansible's plugins, which may happen only once in a process."""
    init_plugin_loader()
    filter_loader.add_directory(str(ROLES / "milkbot/filter_plugins"))
    for modules in ROLES.glob("*/library"):
        module_loader.add_directory(str(modules))


def variables(**given: Any) -> dict[str, Any]:
    """Every role's defaults and constants, as a play sees them, with `given` above all."""
    loader = DataLoader()
    found: dict[str, Any] = {
        "ansible_facts": FACTS,
        "ansible_playbook_python": sys.executable,
        "playbook_dir": str(ROOT / "playbooks"),
        "role_path": str(ROLES / "milkbot"),
    }
    paths = [*ROLES.glob("*/defaults/main.yml"), *ROLES.glob("*/vars/main.yml"), ROLES / "milkbot/vars/debian-12.yml"]
    for path in paths:
        found |= loader.load_from_file(str(path), trusted_as_template=True) or {}
    return found | SECRETS | given


def render(template: str, **given: Any) -> str:
    """The text of `role/templates/name`, with Ansible's settings for its template module."""
    load_plugins()
    role, _, name = template.partition("/")
    path = ROLES / role / "templates" / name
    loader = DataLoader()
    loader.set_basedir(str(ROOT))
    templar = Templar(loader=loader, variables=variables(**given))
    source = trust_as_template(path.read_text(encoding="utf-8"))
    return str(templar.template(source, escape_backslashes=False, overrides={"trim_blocks": True}))


def evaluate(expression: str, **given: Any) -> Any:
    """The value of one Jinja expression among those variables."""
    load_plugins()
    templar = Templar(loader=DataLoader(), variables=variables(**given))
    return templar.template(trust_as_template("{{ " + expression + " }}"))


def plugin(path: str) -> ModuleType:
    """A plugin of a role, which Ansible finds by its file: `role/kind/name.py`."""
    spec = importlib.util.spec_from_file_location(f"plugin {path}", ROLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
