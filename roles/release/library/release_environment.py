"""Ansible module: build a release's Python environment, byte-compiled by what an earlier release compiled already."""

from __future__ import annotations

import filecmp
import os
import stat
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_environment
short_description: Build a Python environment, and byte-compile it by what is compiled already
description:
  - Runs the installer, then sees to it that every source file has its bytecode. Where an earlier environment holds the
    same source, its bytecode is hard-linked; only the rest is compiled, by the environment's own interpreter.
  - Bytecode is good for a source's modification time and size. A source of the same content but another time, as a
    package that is built anew has them, is therefore linked from the earlier environment as well.
options:
  commands: {description: "The installer's commands, in this order.", type: list, elements: list, required: true}
  directory: {description: Where they are run., type: path, required: true}
  environment: {description: "Where they make the environment.", type: path, required: true}
  earlier:
    description: Environments that may hold the same sources, the likeliest first; one that is not there is passed over.
    type: list
    elements: path
    default: []
"""

RETURN = r"""
linked: {description: How many files took an earlier environment's bytecode., type: int, returned: success}
compiled: {description: How many files were compiled., type: int, returned: success}
without: {description: Sources that Python cannot compile., type: list, elements: str, returned: success}
"""

# Prints how this interpreter names bytecode, and what it begins with.
_ASK = "import sys, importlib.util; print(sys.implementation.cache_tag, importlib.util.MAGIC_NUMBER.hex())"
_HEADER = 16
_MASK = 0xFFFFFFFF


class BuildError(Exception):
    """A command failed; the message says which and what it said."""


def run(command: list[str], *, directory: str) -> str:
    done = subprocess.run(  # noqa: S603 - the role's own words
        command, check=False, capture_output=True, text=True, cwd=directory
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-4000:]
        raise BuildError(f"{' '.join(command)} ended with {done.returncode}: {said}")
    return done.stdout


@dataclass(frozen=True)
class Interpreter:
    """How an interpreter keeps bytecode."""

    tag: str
    magic: bytes

    @staticmethod
    def of(environment: str) -> Interpreter:
        tag, magic = run([f"{environment}/bin/python", "-I", "-c", _ASK], directory=environment).split()
        return Interpreter(tag, bytes.fromhex(magic))

    def bytecode(self, source: str) -> str:
        directory, _, name = source.rpartition("/")
        return f"{directory}/__pycache__/{name.removesuffix('.py')}.{self.tag}.pyc"

    def is_compiled(self, source: str, about: os.stat_result) -> bool:
        """Whether Python would take the bytecode: its header names this interpreter, the source's time and its size."""
        numbers = (0, int(about.st_mtime) & _MASK, about.st_size & _MASK)
        try:
            file = os.open(self.bytecode(source), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            header = os.read(file, _HEADER)
            return is_ours(os.fstat(file)) and header == self.magic + struct.pack("<III", *numbers)
        finally:
            os.close(file)


def is_ours(about: os.stat_result) -> bool:
    """Whether it is a file that nobody but this user can have written."""
    return stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid() and not about.st_mode & 0o022


def sources(environment: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every module of the environment, by its path in it."""
    for top, _, names in os.walk(f"{environment}/lib"):
        for name in names:
            if name.endswith(".py"):
                path = f"{top}/{name}"
                yield path[len(environment) + 1 :], os.lstat(path)


def put_link(existing: str, name: str) -> None:
    """Link it under that name, in one step where something is there."""
    try:
        os.link(existing, name)
    except FileExistsError:
        aside = Path(f"{name}.new")
        aside.unlink(missing_ok=True)
        os.link(existing, aside)
        aside.replace(name)


def reuse(source: str, about: os.stat_result, earlier: str, interpreter: Interpreter) -> bool:
    """Link the bytecode of the same source elsewhere; false when there is none to take."""
    try:
        theirs = os.lstat(earlier)
        if theirs.st_size != about.st_size or not is_ours(theirs) or not interpreter.is_compiled(earlier, theirs):
            return False
        if not os.path.samestat(theirs, about):
            if not filecmp.cmp(earlier, source, shallow=False):
                return False
            put_link(earlier, source)
        put_link(interpreter.bytecode(earlier), interpreter.bytecode(source))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def complete(environment: str, earlier: list[str]) -> tuple[int, int, list[str]]:
    """How many reused bytecode, how many were compiled, and which have none all the same."""
    interpreter = Interpreter.of(environment)
    rest, linked, directories = [], 0, set[str]()
    for path, about in list(sources(environment)):
        source = f"{environment}/{path}"
        if not is_ours(about) or interpreter.is_compiled(source, about):
            continue
        directory = interpreter.bytecode(source).rpartition("/")[0]
        if directory not in directories:
            Path(directory).mkdir(exist_ok=True)
            directories.add(directory)
        if any(reuse(source, about, f"{there}/{path}", interpreter) for there in earlier):
            linked += 1
        else:
            rest.append(source)
    if rest:
        # Some packages carry templates that are no Python: that it fails there is no news.
        command = [f"{environment}/bin/python", "-I", "-m", "compileall", "-qq", "-j0", "-i", "-"]
        subprocess.run(command, check=False, capture_output=True, text=True, input="\n".join(rest))  # noqa: S603
    without = [source for source in rest if not interpreter.is_compiled(source, os.lstat(source))]
    return linked, len(rest) - len(without), without


def main() -> None:
    module = AnsibleModule(
        {
            "commands": {"type": "list", "elements": "list", "required": True},
            "directory": {"type": "path", "required": True},
            "environment": {"type": "path", "required": True},
            "earlier": {"type": "list", "elements": "path", "default": []},
        }
    )
    os.umask(0o022)
    environment = module.params["environment"]
    # The installer's interpreter is not this one, and must not find its libraries.
    os.environ.pop("PYTHONPATH", None)
    try:
        for command in module.params["commands"]:
            run([str(word) for word in command], directory=module.params["directory"])
        # The installer leaves a lock that everybody may write to.
        Path(environment, ".lock").unlink(missing_ok=True)
        linked, compiled, without = complete(environment, module.params["earlier"])
    except (BuildError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, linked=linked, compiled=compiled, without=without)


if __name__ == "__main__":
    main()
