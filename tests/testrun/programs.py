"""Which programs the repository's own code starts, and which a machine has that only the bootstrap made ready."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testrun.parts import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PROGRAM = re.compile(r"[a-z][a-z0-9_.+-]*")
_RUNNERS = {"run", "Popen", "call", "check_call", "check_output", "succeeds", "exec_", "execvp"}
_NAMED = {"which", "require"}
# What starts another program, which is the first argument that is no option, assignment or number.
_WRAPPERS = {"exec", "nice", "sudo", "as_root", "env", "xargs", "timeout", "nohup", "setsid", "command"}
_INFO = Path("/var/lib/dpkg/info")
_BIN = re.compile(r"/(?:usr/)?s?bin/([^/]+)")


def of_python(paths: Iterable[Path]) -> dict[str, set[str]]:
    """Programs that Python files start by an argument list or search by name, each with the files."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        for name in filter(_is_program, _in_module(ast.parse(path.read_text(encoding="utf-8")))):
            found[name].add(str(path.relative_to(ROOT)))
    return found


def _in_module(tree: ast.Module) -> Iterator[str]:
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    # Of `_run("gpg", "--export")` the words are a program's where its module can start one.
    own = any(isinstance(node, ast.Import) and node.names[0].name == "subprocess" for node in imports)
    # Its argument lists are those of `milkbot`.
    milkbot = any(isinstance(node, ast.ImportFrom) and node.module == "tests.cli" for node in imports)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and not milkbot and "command" in getattr(node.targets[0], "id", ""):
            yield _literal(_head(node.value))
        if not isinstance(node, ast.Call) or not node.args:
            continue
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        # A single word is a command line for a machine (testinfra).
        if function in _NAMED:
            yield from map(_literal, node.args)
        elif (function in _RUNNERS and not isinstance(node.args[0], ast.Constant)) or (function == "_run" and own):
            yield _literal(_head(node.args[0]))


def _head(node: ast.expr) -> ast.expr:
    """The first element of a list, also behind a star and in the left side of a sum."""
    while True:
        match node:
            case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]) | ast.Starred(value=first):
                node = first
            case ast.BinOp(left=left):
                node = left
            case _:
                return node


def _literal(node: ast.expr) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else ""


def _is_program(name: str) -> bool:
    return _PROGRAM.fullmatch(name) is not None and not name.endswith(".sh")  # those are the platform's own


def of_shell(scripts: Iterable[str]) -> dict[str, set[str]]:
    """Programs that shell scripts start by name, each with the scripts; neither builtins nor their functions."""
    builtins = set(_lines("bash", "-c", "compgen -b; compgen -k"))
    parsed = {script: json.loads(_output("shfmt", "-tojson", stdin=(ROOT / script).read_bytes())) for script in scripts}
    functions = {
        node["Name"]["Value"] for tree in parsed.values() for node in _nodes(tree) if node.get("Type") == "FuncDecl"
    }
    found: dict[str, set[str]] = defaultdict(set)
    for script, tree in parsed.items():
        for node in _nodes(tree):
            if node.get("Type") == "CallExpr":
                for name in _started(node.get("Args", [])):
                    if name not in builtins | functions:
                        found[name].add(script)
    return found


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _started(words: list[dict[str, Any]]) -> Iterator[str]:
    """The command's own program, and the one that it starts when it is a wrapper."""
    texts = [_text(word) for word in words]
    if not texts or not _is_program(texts[0]):
        return
    yield texts[0]
    if texts[0] in _WRAPPERS:
        for index, text in enumerate(texts[1:], start=1):
            if not text or not (text.startswith("-") or "=" in text or text[0].isdigit()):
                yield from _started(words[index:])
                return


def _text(word: dict[str, Any]) -> str:
    """A word that is written out; empty when a part of it is known only while it runs."""
    parts = word.get("Parts", [])
    return parts[0]["Value"] if len(parts) == 1 and parts[0]["Type"] == "Lit" else ""


def bootstrapped() -> list[str]:
    """The packages that bin/test installs."""
    return _lines("bash", "-c", '. bin/lib/bootstrap.sh; printf "%s\\n" "${vps_packages[@]}" "${test_packages[@]}"')


def installed_with(packages: Iterable[str]) -> set[str]:
    """Debian's minimal system, the packages, and what they depend on, of what is installed here."""
    depends: dict[str, str] = {}
    providers: dict[str, list[str]] = defaultdict(list)
    wanted = ["apt", *packages]
    form = "${db:Status-Status}\\t${Package}\\t${Essential}\\t${Priority}\\t${Provides}\\t${Pre-Depends},${Depends}\\n"
    for line in _lines("dpkg-query", "--show", "--showformat", form):
        status, name, essential, priority, provides, needs = line.split("\t")
        if status != "installed":
            continue
        depends[name] = needs
        for provided in _names(provides):
            providers[provided].append(name)
        if essential == "yes" or priority == "required":
            wanted.append(name)
    reached: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in reached or name not in depends:
            wanted += [provider for provider in providers.get(name, ()) if provider not in reached]
            continue
        reached.add(name)
        for group in depends[name].split(","):
            there = [choice for choice in _names(group, "|") if choice in depends or choice in providers]
            wanted += there[:1]
    return reached


def _names(text: str, separator: str = ",") -> list[str]:
    return [part.split("(")[0].split(":")[0].strip() for part in text.split(separator) if part.strip()]


def owners() -> dict[str, set[str]]:
    """The packages that bring a program into PATH, by the program's name, of what is installed here."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in _INFO.glob("*.list"):
        package = path.stem.split(":")[0]
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := _BIN.fullmatch(line):
                found[match[1]].add(package)
    for link in Path("/etc/alternatives").iterdir():
        found[link.name] |= found.get(link.resolve().name, set())
    return found


def library_owners(program: Path) -> dict[str, set[str]]:
    """The packages of each shared library that a program of ours is linked with, by the library's file name."""
    there = {line.split("=>")[1].split("(")[0].strip() for line in _lines("ldd", str(program)) if "=>" in line}
    found: dict[str, set[str]] = {Path(path).name: set() for path in there}
    for path in _INFO.glob("*.list"):
        for line in path.read_text(encoding="utf-8").splitlines():
            # Either spelling of the directory that two names lead to.
            if line in there or line.removeprefix("/usr") in there or f"/usr{line}" in there:
                found[Path(line).name].add(path.stem.split(":")[0])
    return found


def _output(*command: str, stdin: bytes = b"") -> str:
    return subprocess.run(command, cwd=ROOT, input=stdin, stdout=subprocess.PIPE, check=True).stdout.decode()


def _lines(*command: str) -> list[str]:
    return _output(*command).splitlines()
