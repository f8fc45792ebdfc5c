"""What the roles document is what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.roles.rendering import ROLES, ROOT

from milkbot.settings import Settings

ROLE_NAMES = sorted(path.name for path in ROLES.iterdir())


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def _options(role: str) -> dict[str, Any]:
    spec = _yaml(ROLES / role / "meta/argument_specs.yml")
    options: dict[str, Any] = spec["argument_specs"]["main"].get("options", {})
    return options


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_every_default_is_the_one_documented(role: str) -> None:
    documented = {name: option["default"] for name, option in _options(role).items() if "default" in option}
    assert documented == (_yaml(ROLES / role / "defaults/main.yml") or {})


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_every_option_has_a_default_or_is_required(role: str) -> None:
    assert [
        name for name, option in _options(role).items() if ("default" in option) == bool(option.get("required"))
    ] == []


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_every_option_begins_with_its_roles_name(role: str) -> None:
    assert [name for name in _options(role) if not name.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_every_option_with_a_secrets_name_is_kept_out_of_the_output(role: str) -> None:
    words = ("password", "private_key", "_secret", "webhook")
    secret = [name for name, option in _options(role).items() if option.get("no_log")]
    named = [name for name in _options(role) if name.endswith(words)]
    assert set(named) <= set(secret)


def _steps() -> list[dict[str, Any]]:
    """The tasks of site.yml that run a role whole, in their order."""
    tasks = _yaml(ROOT / "playbooks/site.yml")[0]["tasks"]
    flat = [step for task in tasks for step in task.get("block", [task])]
    return [step for step in flat if "tasks_from" not in step.get("ansible.builtin.import_role", {"tasks_from": None})]


def test_every_role_runs_in_a_play() -> None:
    later = {
        "milkbot",
        "notify",
        "verify",
        "update",
        "rollback",
        "restart",
        "upgrade",
        "rotate",
        "drift",
        "dumps",
        "diagnose",
    }
    assert {step["ansible.builtin.import_role"]["name"] for step in _steps()} == set(ROLE_NAMES) - later


def test_every_steps_tag_is_its_roles_name() -> None:
    for step in _steps():
        tags = step["tags"] if isinstance(step["tags"], list) else [step["tags"]]
        assert tags[0] in (step["ansible.builtin.import_role"]["name"], "always")


def test_every_setting_of_the_platform_can_be_set() -> None:
    options = _options("environment")
    settable = {name.removeprefix("environment_") for name in options} | set(options["environment_trading"]["options"])
    fixed = {
        *("postgres_host", "postgres_port", "postgres_db", "postgres_user", "kalshi_private_key_path"),
        *("analytics_host", "analytics_port", "analytics_api_url", "dashboard_host", "dashboard_port"),
        *(
            "site_url",
            "log_file",
            "milkbot_metrics_directory",
            "milkbot_cache_directory",
            "public_trade_delay_min",
            "kill_file",
        ),
    }
    assert settable - {"trading", "kalshi_private_key"} == set(Settings.model_fields) - fixed


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_the_example_of_the_vault_names_every_required_secret(stage: str) -> None:
    example = _yaml(ROOT / f"inventories/{stage}/group_vars/all/vault.yml.example")
    options = {name: option for role in ROLE_NAMES for name, option in _options(role).items()}
    required = {name for name, option in options.items() if option.get("required")}
    assert required <= set(example)
    assert set(example) <= set(options)
