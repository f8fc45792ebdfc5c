"""docs/variables.md, made of what preflight judges by.

Written by: PYTHONPATH=roles/preflight/files python -m milkbot_preflight.page >docs/variables.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from milkbot_preflight.judge import limit
from milkbot_preflight.specs import Option, command_line, options, role_names

_HEAD = """# Variables

For the operator who fills in an inventory: every variable, what it may be, and its default.

This page is made of `roles/*/meta/argument_specs.yml` and `roles/*/meta/values.yml`. Write it anew by
`PYTHONPATH=roles/preflight/files python -m milkbot_preflight.page >docs/variables.md`.
Preflight judges an inventory by the same files. The limits of trading are those of `app/milkbot/settings.py`.

- All faults are named in one list, before the first change. `ansible-playbook -i INVENTORY site.yml --tags preflight`
  does only that.
- A variable that nobody reads is refused, with the nearest name that exists. Variables of your own, for templates in
  the inventory, begin with `my_`.
- A secret in plain text in a file that git would take is refused: encrypt the file by `ansible-vault`. A file that git
  ignores, or that lies in no checkout, may hold it; preflight warns when others than its owner may read that file.
- Text is one line without control characters, where the table does not say `text`. Every other character is allowed,
  also in a password.

## On the command line

| `-e` | playbooks, and what it does |
|---|---|
"""


def page(roles: Path) -> str:
    return _HEAD + "\n".join(_lines(roles)) + "\n"


def _lines(roles: Path) -> Iterator[str]:
    yield from (f"| `{name}` | {_cell(purpose)} |" for name, purpose in sorted(command_line(roles).items()))
    documented = options(roles)
    for role in role_names(roles):
        own = [option for name, option in documented.items() if name.startswith(f"{role}_")]
        if own:
            yield from ("", f"## {role}", "", "| variable | what | values | default |", "|---|---|---|---|")
            for option in own:
                yield from _rows(option.name, option)


def _rows(name: str, option: Option) -> Iterator[str]:
    values = "see below" if option.options else limit(option)
    yield f"| `{name}` | {_cell(option.purpose)} | {_cell(values)} | {_default(option)} |"
    for key, inner in option.options.items():
        yield from _rows(f"{name}.{key}", inner)


def _default(option: Option) -> str:
    if option.required:
        return "required"
    if option.default in (None, "", [], {}):
        return "none"
    text = str(option.default)
    return "made of others" if "{{" in text else f"`{text.lower() if isinstance(option.default, bool) else text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page(Path(__file__).resolve().parents[3]), end="")
