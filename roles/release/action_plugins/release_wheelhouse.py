"""The control node's half of release_wheelhouse: downloads wheels for the host's interpreter, their hashes checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from packaging.markers import Marker

_EXPORT = ("export", "--locked", "--offline", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate")


def run(*command: str | Path, fix: str) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    except FileNotFoundError:
        raise AnsibleActionFail(f"{command[0]} is not there; {fix}") from None
    if done.returncode != 0:
        raise AnsibleActionFail(f"{Path(command[0]).name} failed on the control node: {done.stderr.strip()}; {fix}")
    return done.stdout


def for_host(text: str, environment: Mapping[str, str]) -> list[str]:
    """The requirements of a host with that environment, each with its hashes in one line and without its marker."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split(" --hash=")
        name, _, marker = requirement.partition(";")
        if not name.strip() or name.startswith("#") or (marker and not Marker(marker).evaluate(dict(environment))):
            continue
        found.append(" --hash=".join([name.strip(), *(part.strip() for part in hashes)]))
    return found


def pip_options(tags: Sequence[str], python: str) -> list[str]:
    """What has pip download for another interpreter than its own, by the tags that one takes."""
    split = [tag.split("-") for tag in tags]
    abis = dict.fromkeys(abi for _, abi, _ in split)
    platforms = dict.fromkeys(platform for *_, platform in split if platform != "any")
    return [
        *("--python-version", python, "--implementation", "cp"),
        *(word for abi in abis for word in ("--abi", abi)),
        *(word for platform in platforms for word in ("--platform", platform)),
    ]


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "milkbot", "wheels")


def download(requirements: Sequence[str], options: Sequence[str]) -> Path:
    """A directory of the wheels, named after what they are for; a second run finds it."""
    digest = hashlib.sha256("\n".join([*requirements, *options]).encode()).hexdigest()[:16]
    directory = cache() / digest
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix="new-") as aside:
        listed, wheels = Path(aside, "requirements.txt"), Path(aside, "wheels")
        listed.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        run(
            *(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"),
            *("--require-hashes", "--only-binary=:all:", "--dest", wheels, "--requirement", listed, *options),
            fix="the control node needs a package index, and each package a wheel for the host's Python",
        )
        if not directory.is_dir():
            wheels.rename(directory)
    return directory


class ActionModule(ActionBase):
    """Sees to it that the host has the wheels, and returns the directory that holds them."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        asked = dict(self._task.args)
        requirements = asked.pop("requirements", None)
        there = self._ask(asked, task_vars)
        if requirements is None:
            requirements = self._export(there["files"])
        lines = for_host(requirements, there["environment"])
        wheels = download(lines, pip_options(there["tags"], there["environment"]["python_full_version"]))
        directory = f"{asked['destination']}/{wheels.name}"
        if wheels.name in there["directories"]:
            return {"changed": False, "directory": directory}
        named = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels.glob("*.whl")}
        try:
            self._ship(wheels, named, set(there["wheels"]), asked, task_vars)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)  # noqa: SLF001 - the way of Ansible's own plugins
        return {"changed": True, "directory": directory}

    def _export(self, files: Mapping[str, str]) -> str:
        """The release's locked requirements."""
        uv = Path(sys.executable).with_name("uv")
        program = uv if uv.exists() else Path(shutil.which("uv") or uv)
        with tempfile.TemporaryDirectory(prefix="milkbot-lock-") as project:
            for name, content in files.items():
                Path(project, name).write_text(content, encoding="utf-8")
            fix = "a wheelhouse takes uv on the control node, and a version whose lock file fits it"
            return run(program, "--quiet", *_EXPORT, "--project", project, fix=fix)

    def _ship(
        self,
        wheels: Path,
        named: Mapping[str, str],
        known: set[str],
        asked: Mapping[str, Any],
        task_vars: dict[str, Any] | None,
    ) -> None:
        there = self._connection._shell.join_path(self._make_tmp_path(), "wheels.tar")  # noqa: SLF001
        with tempfile.NamedTemporaryFile(prefix="milkbot-wheels-", suffix=".tar") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                for name, digest in named.items():
                    if digest not in known:
                        archive.add(wheels / name, arcname=name)
            file.flush()
            self._transfer_file(file.name, there)
        self._ask({**asked, "key": wheels.name, "wheels": dict(named), "source": there}, task_vars)

    def _ask(self, arguments: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="release_wheelhouse", module_args=dict(arguments), task_vars=task_vars
        )
        if answer.get("failed"):
            raise AnsibleActionFail(answer["msg"])
        return answer
