"""The inventory's own files: secrets in plain text, and a host that is written twice."""

from __future__ import annotations

import configparser
import shlex
import stat
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from milkbot_preflight.faults import Fault, shown

_VAULT = "$ANSIBLE_VAULT"
_TEXTS = (".yml", ".yaml", ".json", "")


class _Loader(yaml.SafeLoader):
    """YAML as an inventory has it: a value that is encrypted by itself stands for nothing here."""


def _nothing(*_: Any) -> None:
    """For whatever tag."""


_Loader.add_multi_constructor("!", _nothing)


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return None if text.startswith(_VAULT) else yaml.load(text, _Loader)  # noqa: S506 -- a safe loader's child
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        # Ansible itself has read it, or has said why not.
        return None


def _variable_files(sources: Iterable[str]) -> Iterator[Path]:
    for source in sources:
        path = Path(source)
        top = path if path.is_dir() else path.parent
        for below in ("group_vars", "host_vars"):
            yield from sorted(file for file in (top / below).rglob("*") if file.is_file() and file.suffix in _TEXTS)


def plain_secrets(sources: Iterable[str], secret: Collection[str]) -> tuple[list[Fault], list[Fault]]:
    """Files that hold a secret in plain text: faults where git would take them, warnings where others may read them."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    for path in _variable_files(sources):
        found = _read(path)
        names = [name for name in found if name in secret and found[name]] if isinstance(found, Mapping) else []
        if not names:
            continue
        if _git_takes(path):
            fix = f"holds {', '.join(names)} in plain text, and git would take it; run: ansible-vault encrypt {path}"
            faults.append({"name": path.name, "value": "(not encrypted)", "fix": fix})
        elif path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            fix = f"holds {', '.join(names)}, and others may read it; encrypt it, or run: chmod 600 {path}"
            warnings.append({"name": path.name, "value": "(not encrypted)", "fix": fix})
    return faults, warnings


def _git_takes(path: Path) -> bool:
    """Whether the file is in a checkout, and not ignored there."""

    def git(*words: str) -> int:
        # The checkout may be another user's; nothing of it is run.
        command = ["git", "-c", "safe.directory=*", "-C", str(path.parent), *words]
        try:
            return subprocess.run(command, check=False, capture_output=True).returncode  # noqa: S603
        except FileNotFoundError:
            return 1

    return git("rev-parse", "--is-inside-work-tree") == 0 and git("check-ignore", "--quiet", str(path.resolve())) != 0


def written_twice(sources: Iterable[str], host: str) -> list[Fault]:
    """Variables of a host that its inventory gives two values: the later one would win without a word."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for source in sources:
        path = Path(source)
        files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
        for file in files if path.exists() else []:
            for group, name, value in _definitions(file, host):
                found[name][shown(value)].append(group)
    return [
        {
            "name": f"{name} of {host}",
            "value": ", ".join(f"{value} in group {' and '.join(groups)}" for value, groups in values.items()),
            "fix": "write it once: in one group, or in host_vars",
        }
        for name, values in found.items()
        if len(values) > 1
    ]


def _definitions(file: Path, host: str) -> Iterator[tuple[str, str, Any]]:
    document = _read(file) if file.suffix in (".yml", ".yaml", ".json") else None
    if isinstance(document, Mapping):
        for group, content in document.items():
            yield from _of_group(str(group), content, host)
    elif file.suffix in ("", ".ini"):
        yield from _of_ini(file, host)


def _of_group(group: str, content: Any, host: str) -> Iterator[tuple[str, str, Any]]:
    if not isinstance(content, Mapping):
        return
    hosts = content.get("hosts")
    variables = hosts.get(host) if isinstance(hosts, Mapping) else None
    for name, value in variables.items() if isinstance(variables, Mapping) else ():
        yield group, str(name), value
    children = content.get("children")
    for name, child in children.items() if isinstance(children, Mapping) else ():
        yield from _of_group(str(name), child, host)


def _of_ini(file: Path, host: str) -> Iterator[tuple[str, str, Any]]:
    reader = configparser.RawConfigParser(allow_no_value=True, delimiters=("\0",), strict=False)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        reader.read_string("[ungrouped]\n" + file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return
    for section in reader.sections():
        for line in reader.options(section) if ":" not in section else ():
            words = shlex.split(line, comments=True)
            for word in words[1:] if words[:1] == [host] else ():
                name, equals, value = word.partition("=")
                if equals:
                    yield section, name, value
