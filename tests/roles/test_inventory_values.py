"""What preflight says of the variables of an inventory, without a machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import annotated_types
import pytest
import yaml
from tests.roles.rendering import ROLES, ROOT, plugin

from milkbot.domain.cities import all_series
from milkbot.settings import Settings

INVENTORY = plugin("preflight/filter_plugins/inventory.py")
from milkbot_preflight import formats, judge, limits_of_settings, page, specs  # noqa: E402 -- the plugin says where it is

OPTIONS = specs.options(ROLES)
GOOD: dict[str, Any] = {
    "environment_postgres_password": "long enough",
    "nginx_certificate": "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n",
    "nginx_private_key": "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n",
}


def said(**given: Any) -> list[str]:
    """The lines of the report on an inventory that is good but for that."""
    return [f"{fault['name']} = {fault['value']}: {fault['fix']}" for fault in INVENTORY.faults(GOOD | given)]


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a backup that would delete the earlier ones": (
        {"backup_keep_daily": -1},
        ["backup_keep_daily = -1: has to be a whole number from 1 to 3650; write 7, the default"],
    ),
    "money below zero, and more risk than there is": (
        {"environment_trading": {"bankroll": -5, "max_trade_risk_pct": 200}},
        [
            "environment_trading.bankroll = -5: has to be a number above 0; write 992.10, the default",
            "environment_trading.max_trade_risk_pct = 200: has to be a number above 0 and at most 100; write 2",
        ],
    ),
    "a limit with a typing error": (
        {"environment_trading": {"bankrol": 5}},
        ["environment_trading.bankrol = (unknown key): write bankroll"],
    ),
    "a series that nobody trades": (
        {"environment_trading": {"trading_series": ["KXHIGHNYC"]}},
        ["environment_trading.trading_series, entry 1 = 'KXHIGHNYC': has to be one of KXHIGHAUS"],
    ),
    "port 0": ({"ufw_ssh_ports": [0]}, ["ufw_ssh_ports, entry 1 = 0: has to be a whole number from 1 to 65535"]),
    "no port at all": ({"ufw_ssh_ports": []}, ["ufw_ssh_ports = (empty): has to be a list, not empty, of"]),
    "a rule of the firewall": (
        {"ufw_extra_rules": [{"port": "99999", "proto": "icmp", "from_ip": "home"}]},
        [
            "ufw_extra_rules, entry 1.port = '99999': has to be a port or a range of ports, from 1 to 65535",
            "ufw_extra_rules, entry 1.proto = 'icmp': has to be one of tcp, udp",
            "ufw_extra_rules, entry 1.from_ip = 'home': has to be an address, a network, or any",
        ],
    ),
    "rate 0": (
        {"nginx_api_requests_per_second": 0},
        ["has to be a whole number from 1 to 10000; write 10, the default"],
    ),
    "compression 99": (
        {"backup_compression_level": 99},
        ["backup_compression_level = 99: has to be a whole number from 1 to 9"],
    ),
    "an enormous size": (
        {"logrotate_max_size": "999999G"},
        ["logrotate_max_size = '999999G': has to be a size from 1k to 10G"],
    ),
    "a size in another spelling": ({"logrotate_max_size": "100 MiB"}, ["write 100M"]),
    "a network that is none": (
        {"nginx_trusted_proxies": ["abc", "10.0.0.1/8"]},
        [
            "nginx_trusted_proxies, entry 1 = 'abc': has to be an address or a network; write such as 203.0.113.0/24",
            "nginx_trusted_proxies, entry 2 = '10.0.0.1/8': has to be an address or a network; write 10.0.0.0/8",
        ],
    ),
    "an empty time": (
        {"backup_drill_schedule": " "},
        ["backup_drill_schedule = ' ': has to be a time as systemd's OnCalendar"],
    ),
    "an empty password": (
        {"environment_postgres_password": ""},
        ["environment_postgres_password = (empty): has to be one line without control characters, not empty"],
    ),
    "a line break in a password": (
        {"environment_postgres_password": "hush\nhush"},
        ["environment_postgres_password = (secret, not shown): has to be one line without control characters"],
    ),
    "a prefix that is misspelt": (
        {"enviroment_log_level": "DEBUG"},
        ["enviroment_log_level = (unknown variable): write environment_log_level"],
    ),
    "a prefix that is missing": (
        {"log_level": "DEBUG"},
        ["log_level = (unknown variable): write environment_log_level"],
    ),
    "a name that resembles none": (
        {"colour": "blue"},
        ["colour = (unknown variable): remove it; docs/variables.md lists"],
    ),
    "a constant": ({"milkbot_home": "/srv"}, ["milkbot_home = (a constant): remove it"]),
    "off-site copies without a remote": (
        {"backup_offsite_enabled": True},
        [
            "backup_offsite_target = (empty): backup_offsite_enabled: true needs it; write REMOTE:PATH",
            "backup_offsite_config_secret = (empty): backup_offsite_enabled: true needs it",
        ],
    ),
    "off-site copies to a remote that is not configured": (
        {
            "backup_offsite_enabled": "yes",
            "backup_offsite_target": "store:milkbot",
            "backup_offsite_config_secret": "[shop]\ntype = sftp\n",
        },
        ["backup_offsite_config_secret = (secret, not shown): has no section [store], which backup_offsite_target"],
    ),
    "a scheme in the domain": (
        {"milkbot_domain": "https://milkbot.ai/"},
        [
            "milkbot_domain = 'https://milkbot.ai/': has to be a domain's name alone, without https://, port or path",
            "; write milkbot.ai",
        ],
    ),
    "an address without a scheme": (
        {"environment_nws_api_base": "api.weather.gov"},
        [
            "environment_nws_api_base = 'api.weather.gov': has to be an address that begins with https://",
            "write https://api.weather.gov",
        ],
    ),
    "nobody to reach": (
        {"environment_nws_user_agent": "milkbot"},
        ["has to be a name with an e-mail address or a web address"],
    ),
    "a unit that PostgreSQL does not know": (
        {"postgres_settings": {"shared_buffers": "1G", "Work Mem": "1MB"}},
        [
            "postgres_settings.shared_buffers = '1G'",
            "write 1GB",
            "postgres_settings.Work Mem = '1MB': the name has to be a setting",
        ],
    ),
    "a warning after the failure": (
        {"health_limits": {"disk_warn_percent": 97, "disk_fail_percent": 95}},
        ["health_limits.disk_warn_percent = 97: has to be at most disk_fail_percent, which is 95"],
    ),
    "signatures that nobody may make": (
        {"release_verify_signature": True},
        ["release_verify_signature = True: needs the keys that may sign"],
    ),
    "a repository of nowhere": ({"release_source": "git"}, ["release_git_url = (empty): release_source: git needs it"]),
    "a password in an address": (
        {"release_git_url": "https://me:hush@example.com/x.git"},
        ["release_git_url = ", "has to be a repository's address without a password in it"],
    ),
    "no number": ({"verify_timeout": float("nan")}, ["verify_timeout = nan: has to be a whole number from 1 to 300"]),
    "a yes for a number": ({"lock_wait": True}, ["lock_wait = True: has to be a whole number from 0 to 86400"]),
    "a choice with a typing error": (
        {"environment_trading_mode": "dmeo"},
        ["has to be one of shadow, demo, live; write demo"],
    ),
    "one address for a list": (
        {"nginx_trusted_proxies": "192.0.2.0/24"},
        ["nginx_trusted_proxies = '192.0.2.0/24': has to be a list of"],
    ),
    "a value that is none": ({"backup_keep_weekly": None}, ["backup_keep_weekly = None: has to be a whole number"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_named_with_its_limit_and_the_fix(case: str) -> None:
    given, wanted = WRONG[case]
    lines = said(**given)
    assert [part for part in wanted if not any(part in line for line in lines)] == []
    # Nothing but what is wrong.
    assert {line.split(" = ")[0].split(".")[0].split(",")[0] for line in lines} <= {*given, "backup_offsite_target"} | {
        "backup_offsite_config_secret",
        "release_git_url",
    }
    assert "hush" not in str(lines).replace("me:hush", "")


def test_everything_that_is_wrong_at_once_is_named_in_one_list() -> None:
    together = {name: value for given, _ in WRONG.values() for name, value in given.items()}
    named = {line.split(" = ")[0].split(".")[0].split(",")[0] for line in said(**together)}
    # These needed something else to be missing, which another case gives.
    assert together.keys() - named <= {
        "backup_offsite_enabled",
        "backup_offsite_target",
        "release_source",
        "release_git_url",
    } | {"release_verify_signature"}


def test_a_good_inventory_has_no_fault() -> None:
    assert said() == []


def test_a_password_may_hold_every_character_of_a_line() -> None:
    assert said(environment_postgres_password="a'b\"c%d$e$(id){ {x} }#~!&`") == []


def test_a_missing_secret_is_named() -> None:
    faults = INVENTORY.faults({})
    assert {fault["name"] for fault in faults} == {name for name, option in OPTIONS.items() if option.required}
    assert {fault["value"] for fault in faults} == {"(not set)"}


def test_variables_of_other_programs_are_accepted() -> None:
    assert (
        said(ansible_host="x", my_own=1, __lock_shown=1, version="v1", inventory_hostname="x", region="{{ 1 }}") != []
    )
    assert said(ansible_host="x", my_own=1, __lock_shown=1, version="v1", inventory_hostname="x") == []
    # A template reads it.
    assert said(zone="eu", milkbot_domain="{{ zone }}.example.com")[0].startswith("milkbot_domain = ")


def test_a_fact_that_an_earlier_play_of_the_run_set_is_no_fault() -> None:
    assert said(lock_taken={"holder": {}}, release_id="one") == []


def test_a_fact_of_a_role_is_refused_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(INVENTORY, "load_extra_vars", lambda _loader: {"release_id": "one"})
    (line,) = said(lock_taken={"holder": {}}, release_id="one")
    assert line.startswith("release_id = (unknown variable): ")


def test_playbooks_on_the_host_are_refused_only_for_a_misspelt_variable() -> None:
    found = INVENTORY.faults(GOOD | {"bakup": "x", "log_level": "DEBUG", "backup_keep_daily": -1})
    (fault,) = INVENTORY.on_command_line(found, ["bakup", "backup_keep_daily"])
    assert (fault["name"], fault["fix"]) == ("bakup", "write backup")


@pytest.mark.parametrize("playbook", ["backup", "restart", "restore", "rollback", "upgrade"])
def test_a_playbook_that_acts_on_the_host_reads_its_command_line_first(playbook: str) -> None:
    (play,) = yaml.safe_load((ROOT / f"playbooks/{playbook}.yml").read_text(encoding="utf-8"))
    first = play["tasks"][0]
    assert first["ansible.builtin.import_role"]["tasks_from"] == "command_line"
    # An emergency is never refused for a value.
    assert first.get("tags") == (["code", "migrations", "database"] if playbook == "rollback" else None)


def test_a_rollback_is_never_refused_by_a_roles_own_validation() -> None:
    """Ansible would run such a check whatever the tags, and fail an emergency for `notify_timeout: soon`."""
    files = [ROOT / "playbooks/rollback.yml", *(ROLES / "rollback/tasks").glob("*.yml")]
    calls = [
        task[action]
        for file in files
        for task in _tasks(yaml.safe_load(file.read_text(encoding="utf-8")))
        for action in ("ansible.builtin.import_role", "ansible.builtin.include_role")
        if action in task
    ]
    assert len(calls) > 8
    checked = [
        call["name"] for call in calls if "tasks_from" not in call and call.get("rolespec_validate") is not False
    ]
    # It ends the run, and has nothing of the inventory.
    assert set(checked) <= {"summary"}


def _tasks(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    inner = [task for one in given for part in ("tasks", "block", "rescue", "always") for task in one.get(part, [])]
    return [*given, *_tasks(inner)] if inner else given


def test_a_time_that_the_hosts_systemd_refuses_is_named() -> None:
    times = INVENTORY.of_format({"backup_drill_schedule": "whenever", "pgbackrest_full_on": "Sun 00:30"}, "calendar")
    assert times == {"backup_drill_schedule": "whenever", "pgbackrest_full_on": "Sun 00:30"}
    (fault,) = INVENTORY.refused(times, "Failed to parse calendar specification 'whenever': Invalid argument\n")
    assert fault["name"] == "backup_drill_schedule"
    assert "write Sun *-*-* 05:30:00 UTC, the default" in fault["fix"]


def test_a_dirty_checkout_and_an_unknown_version_are_named() -> None:
    changes = "\n".join(f" M roles/{name}.yml" for name in "abcde")
    dirty = f"The checkout /x has changes that are not committed:\n{changes}\nCommit them, or name a commit."
    (fault,) = INVENTORY.version({"msg": dirty}, "HEAD")
    assert fault == {
        "name": "checkout",
        "value": "roles/a.yml, roles/b.yml, roles/c.yml and 2 more",
        "fix": "not committed. Commit them, or name a commit.",
    }
    (fault,) = INVENTORY.version({"msg": "the checkout /x knows no commit, tag or branch v9.9.9: fetch it"}, "v9.9.9")
    assert (fault["name"], fault["value"]) == ("version", "v9.9.9")
    assert INVENTORY.version({"commit": "0" * 40}, "HEAD") == INVENTORY.version({}, "HEAD") == []


@pytest.mark.parametrize("stage", ["local", "staging", "production"])
def test_an_inventory_as_shipped_has_no_fault(stage: str) -> None:
    given = dict(GOOD)
    for path in (ROOT / f"inventories/{stage}/group_vars/all").glob("*.yml"):
        given |= yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    assert said(**given) == []


def test_every_default_is_a_value_that_preflight_accepts() -> None:
    literal = {name: o.default for name, o in OPTIONS.items() if "default" in o.spec and "{{" not in str(o.default)}
    assert [fault for name, value in literal.items() for fault in judge.faults_of(name, OPTIONS[name], value)] == []


def _free(option: specs.Option) -> bool:
    """Whether a variable can have values that its type and its choices let pass."""
    return not option.choices and option.type != "bool" and not option.options and option.name != "environment_trading"


def test_every_variable_has_a_rule() -> None:
    """A number has a limit, and a text a format: write it into the role's meta/values.yml."""
    every = [*OPTIONS.values(), *(inner for option in OPTIONS.values() for inner in option.options.values())]
    limits = {name for option in every if option.name == "environment_trading" for name in option.options}
    assert [option.name for option in every if _free(option) and not option.rule and option.name not in limits] == []


def test_every_rule_uses_only_words_that_preflight_reads() -> None:
    words = {
        "min",
        "max",
        "above",
        "below",
        "format",
        "each",
        "choices",
        "names",
        "values",
        "not_empty",
        "options",
        "other_options",
        "in_order",
    }
    for path in ROLES.glob("*/meta/values.yml"):
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))
        inner = [
            rule for rule in rules.values() for rule in [rule, *rule.get("options", {}).values(), rule.get("each", {})]
        ]
        assert {word for rule in inner for word in rule} <= words, path
        assert {
            rule[word] for rule in inner for word in ("format", "names", "values") if word in rule
        } <= formats.FORMATS.keys()


def test_every_format_accepts_its_example() -> None:
    for kind in formats.FORMATS.values():
        if kind.example and "..." not in kind.example:
            kind.check(kind.example)


def test_the_trading_limits_are_those_of_the_program() -> None:
    bounds = {
        annotated_types.Ge: "min",
        annotated_types.Le: "max",
        annotated_types.Gt: "above",
        annotated_types.Lt: "below",
    }
    read = limits_of_settings.limits_of_settings(ROOT / "app/milkbot")
    for name, field in Settings.model_fields.items():
        found = {bounds[type(one)]: getattr(one, one.__slots__[0]) for one in field.metadata if type(one) in bounds}
        assert {word: limit for word, limit in read[name].items() if word in bounds.values()} == found, name
    assert read["trading_series"]["each"]["choices"] == sorted(series.ticker for series in all_series())


def test_the_documented_command_line_variables_are_those_that_are_read() -> None:
    texts = [path.read_text("utf-8") for path in [*ROLES.glob("*/defaults/main.yml"), *ROOT.glob("playbooks/*.yml")]]
    asked = re.compile(r"(?<![.\w])([a-z]\w*) (?:\| default\(|is defined)")
    read = {name for text in texts for name in asked.findall(text)}
    assert read - OPTIONS.keys() - {"ansible_port"} == specs.command_line(ROLES).keys()


def test_the_table_of_variables_is_generated_from_the_rules() -> None:
    shown = (ROOT / "docs/variables.md").read_text(encoding="utf-8")
    assert shown == page.page(ROLES), "write it anew: PYTHONPATH=roles/preflight/files python -m milkbot_preflight.page"


def test_the_files_of_the_roles_are_read_once(tmp_path: Path) -> None:
    """A rule for a variable that no role has would never be read."""
    role = tmp_path / "roles/x/meta"
    role.mkdir(parents=True)
    (tmp_path / "app").symlink_to(ROOT / "app")
    (role / "argument_specs.yml").write_text("argument_specs: {main: {options: {}}}\n", encoding="utf-8")
    (role / "values.yml").write_text("x_gone: {min: 1}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="x_gone"):
        specs.options(tmp_path / "roles")
