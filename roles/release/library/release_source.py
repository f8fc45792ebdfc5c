"""Ansible module: which commit a version names, where it comes from, and what it holds."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.milkbot_shipped import from_listing, from_members, identity, is_shipped, shipped_paths

DOCUMENTATION = r"""
module: release_source
short_description: Settle which commit a version names, and say what it holds
description:
  - The version comes from a tarball, from a checkout on the control node (the module is delegated to it), or from a
    remote repository of which the host keeps a bare mirror.
  - A mirror that a killed run left broken is made anew. In check mode a mirror is fetched aside and thrown away.
  - With O(directory) alone it says what a release that is unpacked holds.
  - Two versions of which a server gets the same have the same C(content), whatever else was committed between them.
options:
  version: {description: "Commit, tag, branch, or path of a tarball.", type: str, default: HEAD}
  repository: {description: "The checkout, or with O(url) the mirror.", type: path}
  url: {description: Remote repository; empty for a checkout., type: str, default: ""}
  key: {description: Private key for the remote., type: str, default: ""}
  known_hosts: {description: Host keys of the remote; without them those that the user knows., type: str, default: ""}
  allow_dirty: {description: Take along what of the shipped files is not committed., type: bool, default: false}
  verify: {description: Accept only a tag whose signature is good., type: bool, default: false}
  allowed_signers: {description: "Who may sign by SSH key, as ssh-keygen(1) has it.", type: str, default: ""}
  gpg_keys: {description: "Who may sign by OpenPGP, as armored public keys.", type: str, default: ""}
  since: {description: Commits after which the changes are listed., type: list, elements: str, default: []}
  directory: {description: An unpacked release to read instead., type: path}
"""

RETURN = r"""
content: {description: "What is shipped, as 40 hexadecimal digits.", type: str}
paths: {description: What of the version is shipped., type: list}
commit: {description: The exact commit; of a tarball that git did not make its SHA-256., type: str}
source: {description: Where it comes from., type: str}
dirty: {description: Whether changes come along that are not committed., type: bool}
tarball: {description: The tarball's absolute path., type: str}
prefix: {description: The directory in the tarball that holds everything., type: str}
version: {description: The project's version., type: str}
packages: {description: Version of each locked package., type: dict}
migrations: {description: File names of the migrations., type: list}
commits: {description: What came after each commit of O(since) that the repository knows., type: dict}
free: {description: Bytes that are free where O(directory) lies., type: int}
"""

_TARBALL = re.compile(r"\.(tar|tgz|tbz2|txz|tar\.\w+)$")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NEEDED = ("pyproject.toml", "uv.lock")
_MIGRATIONS = "app/migrations/versions"
_PACKAGE = re.compile(r'^\[\[package\]\]\nname = "(.+)"\nversion = "(.+)"', re.MULTILINE)
_VERSION = re.compile(r'^version = "(.+)"', re.MULTILINE)
_SHOWN_COMMITS = 20
_PATIENCE = 600
# Nobody is asked for a password. What is not committed becomes a commit that no branch knows, by fixed names and times:
# the same changes give the same commit.
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C.UTF-8",
    "GIT_AUTHOR_NAME": "Milkbot",
    "GIT_AUTHOR_EMAIL": "milkbot@localhost",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "Milkbot",
    "GIT_COMMITTER_EMAIL": "milkbot@localhost",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
# Bytes as they were committed, and plain answers: how this machine's git is configured must not show in a release.
_SETTINGS = ("core.autocrlf=false", "core.eol=lf", "color.ui=false", "log.showSignature=false")
_UNREADABLE = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError)


class SourceError(Exception):
    """The version cannot be had; the message says why and what to fix."""


@dataclass(frozen=True)
class Repository:
    """A checkout or a mirror."""

    path: str
    environment: dict[str, str] = field(default_factory=dict)

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **_ENVIRONMENT, **self.environment}
        options = [word for setting in _SETTINGS for word in ("-c", setting)]
        command = ["git", *options, "-C", self.path, *words]
        try:
            return subprocess.run(  # noqa: S603 - our own words
                command, check=False, capture_output=True, text=True, env=environment, timeout=_PATIENCE
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no end after {_PATIENCE} seconds")
        except FileNotFoundError:
            raise SourceError("git is not installed: install it, or name a tarball") from None

    def output(self, *words: str) -> str:
        done = self.ask(*words)
        if done.returncode != 0:
            raise SourceError(f"git {words[0]} in {self.path} failed: {done.stderr.strip()}")
        return done.stdout

    def commit_of(self, name: str) -> str:
        """The commit of a name; empty when there is none."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").stdout.strip()

    def commits(self, since: list[str], until: str) -> dict[str, list[str]]:
        """What came after each commit that this repository knows."""
        options = ("log", "--oneline", "--no-decorate", f"--max-count={_SHOWN_COMMITS}")
        logs = {commit: self.ask(*options, f"{commit}..{until}") for commit in since if _COMMIT.fullmatch(commit)}
        return {commit: log.stdout.splitlines() for commit, log in logs.items() if log.returncode == 0}

    def shown(self, commit: str, name: str) -> str:
        """The text of a file; empty when it is not there."""
        return self.ask("show", f"{commit}:{name}").stdout

    def holds(self, commit: str) -> dict[str, Any]:
        listing = self.output("ls-tree", "-r", "-z", commit)
        listed = [entry.partition("\t")[2] for entry in listing.split("\0")]
        refuse_incomplete(set(listed), f"commit {commit[:12]}")
        files = {name: self.output("show", f"{commit}:{name}") for name in _NEEDED}
        shipped = from_listing(listing, shipped_paths(files["pyproject.toml"]))
        return {**contents(files, listed), **about_shipped(shipped, files)}

    def changes(self, paths: list[str]) -> str:
        """What of those paths is not committed, as `git status` has it."""
        return self.output("status", "--porcelain", "--untracked-files=all", "--", *paths)

    def with_changes(self, commit: str, paths: list[str], aside: str) -> str:
        """A commit of that one with the changes of those paths; the checkout and its index stay as they are."""
        own = Repository(self.path, {**self.environment, "GIT_INDEX_FILE": str(Path(aside, "index"))})
        own.output("read-tree", commit)
        there = [path for path in paths if Path(self.path, path).exists() or own.output("ls-files", "--", path)]
        own.output("add", "--all", "--", *there)
        return own.output("commit-tree", "-p", commit, "-m", "Not committed", own.output("write-tree").strip()).strip()


def about_shipped(shipped: dict[str, tuple[str, str]], files: dict[str, str]) -> dict[str, Any]:
    paths = [
        path for path in shipped_paths(files["pyproject.toml"]) if any(is_shipped(name, [path]) for name in shipped)
    ]
    return {"content": identity(shipped), "paths": paths}


def refuse_incomplete(names: set[str], what: str) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if not any(name.startswith("app/") for name in names):
        missing.append("app/")
    if missing:
        raise SourceError(f"{what} is no version of Milkbot: it has no {', '.join(missing)}")


def contents(files: dict[str, str], names: list[str]) -> dict[str, Any]:
    """What a version is made of, by its project file, its lock file and the names of its files."""
    found = _VERSION.search(files["pyproject.toml"])
    migrations = [name.rpartition("/")[2] for name in names if re.fullmatch(_MIGRATIONS + r"/[^/_][^/]*\.py", name)]
    return {
        "version": found.group(1) if found else "",
        "packages": dict(_PACKAGE.findall(files["uv.lock"])),
        "migrations": sorted(migrations),
    }


def from_tarball(path: str) -> dict[str, Any]:
    """What a tarball holds, and what it is called."""
    what = f"the tarball {path}"
    try:
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            names = [os.path.normpath(member.name) for member in members]
            outside = [
                member.name
                for member, name in zip(members, names, strict=True)
                if leads_out(name) or (member.islnk() and leads_out(member.linkname)) or is_far_link(member, name)
            ]
            if outside:
                raise SourceError(f"{what} is refused: {outside[0]} leads out of it; make it by git archive")
            tops = {name.split("/")[0] for name in names if name != "."}
            prefix = "" if "pyproject.toml" in tops or len(tops) != 1 else tops.pop()
            listed = [name[len(prefix) + 1 :] if prefix else name for name in names]
            refuse_incomplete(set(listed), what)
            files = {name: read_member(archive, members[listed.index(name)], what) for name in _NEEDED}
            shipped = from_members(
                archive, dict(zip(listed, members, strict=True)), shipped_paths(files["pyproject.toml"])
            )
            commit = archive.pax_headers.get("comment", "")
        if _COMMIT.fullmatch(commit):
            source = f"tarball {Path(path).name}, made by git"
        else:
            commit = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:40]
            source = f"tarball {Path(path).name}, named by its SHA-256"
    except _UNREADABLE as error:
        raise SourceError(f"{what} cannot be read: {error}; give one in plain tar, gzip, bzip2 or xz") from None
    about = {"commit": commit, "source": source, "tarball": str(Path(path).resolve()), "prefix": prefix}
    return {**about, **contents(files, listed), **about_shipped(shipped, files)}


def leads_out(name: str) -> bool:
    return name == ".." or name.startswith(("/", "../"))


def is_far_link(member: tarfile.TarInfo, name: str) -> bool:
    if not member.issym():
        return False
    return member.linkname.startswith("/") or leads_out(os.path.normpath(f"{name}/../{member.linkname}"))


def read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, what: str) -> str:
    file = archive.extractfile(member) if member.isreg() else None
    if file is None:
        raise SourceError(f"{what} is no version of Milkbot: {member.name} is no file")
    with file:
        return file.read().decode("utf-8")


def from_checkout(repository: Repository, version: str, aside: str, *, allow_dirty: bool) -> dict[str, Any]:
    """The commit that a checkout gives a name; changes of what is shipped are not left behind unnoticed."""
    commit, dirty = repository.commit_of(version), False
    if not commit:
        known = repository.ask("rev-parse", "--git-dir")
        if known.returncode != 0:
            raise SourceError(f"{repository.path} is no checkout that git reads: {known.stderr.strip()}")
        raise SourceError(
            f"the checkout {repository.path} knows no commit, tag or branch {version}: fetch it, or name another"
        )
    if version == "HEAD":
        project = Path(repository.path, "pyproject.toml")
        texts = [repository.shown(commit, project.name), project.read_text("utf-8") if project.is_file() else ""]
        paths = list(dict.fromkeys(path for text in texts for path in shipped_paths(text)))
        if changes := repository.changes(paths):
            if not allow_dirty:
                raise SourceError(
                    f"The checkout {repository.path} has changes of what is shipped that are not committed:\n{changes}"
                    "Commit them, or name a commit (-e version=...); for a trial, take them along (-e allow_dirty=yes)."
                )
            commit, dirty = repository.with_changes(commit, paths, aside), True
    return {"commit": commit, "dirty": dirty, "source": "checkout with changes" if dirty else "commit"}


def refuse_translated(checkout: Path) -> None:
    """Scripts are installed as they lie in the checkout, and no shell runs one whose lines end as in Windows."""
    tops = [checkout / "deployment", *checkout.glob("roles/*/files")]
    files = (file for top in tops for file in sorted(top.rglob("*")) if file.is_file())
    found = [str(file.relative_to(checkout)) for file in files if is_translated(file.read_bytes())]
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise SourceError(
            f"the checkout {checkout} has lines that end in CR LF in {found[0]}{more}, which no server can run: "
            f"git -C {checkout} config core.autocrlf false, commit what is not committed, then "
            f"git -C {checkout} rm -r -q --cached . and git -C {checkout} reset --hard"
        )


def is_translated(content: bytes) -> bool:
    return content.startswith(b"#!") and b"\r\n" in content


def verify_tag(repository: Repository, tag: str, given: dict[str, Any], aside: str) -> None:
    """Fails unless the name is a tag that somebody signed who may."""
    refused = f"{tag} is refused, since release_verify_signature is on"
    kind = repository.ask("cat-file", "-t", f"refs/tags/{tag}")
    if kind.returncode != 0:
        raise SourceError(f"{refused}: it is not the name of a tag; name a signed tag (-e version=...)")
    if kind.stdout.strip() != "tag":
        raise SourceError(f"{refused}: the tag carries no signature; sign it (git tag --sign)")
    # A good signature on another tag's text must not pass under this name.
    text = repository.output("cat-file", "tag", f"refs/tags/{tag}")
    named = re.search(r"^tag (.+)$", text, re.MULTILINE)
    if named is None or named.group(1) != tag:
        raise SourceError(
            f"{refused}: what is signed is the tag {named.group(1) if named else 'without a name'}; sign it anew"
        )
    signers, keyring = Path(aside, "allowed_signers"), Path(aside, "gnupg")
    signers.write_text(given["allowed_signers"] + "\n", encoding="utf-8")
    keyring.mkdir(mode=0o700)
    asking = Repository(repository.path, {**repository.environment, "GNUPGHOME": str(keyring)})
    if given["gpg_keys"]:
        import_keys(keyring, given["gpg_keys"])
    verdict = asking.ask("-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-tag", f"refs/tags/{tag}")
    if verdict.returncode != 0:
        reason = " ".join(verdict.stderr.split()) or "no signature"
        raise SourceError(
            f"{refused}: {reason}; sign it by a key of release_allowed_signers or release_gpg_keys, or add the key"
        )


def import_keys(keyring: Path, keys: str) -> None:
    command = ["gpg", "--homedir", str(keyring), "--batch", "--quiet", "--import"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, input=keys)  # noqa: S603
    except FileNotFoundError:
        raise SourceError("release_gpg_keys needs gpg, which is not installed there: apt install gpg") from None
    if done.returncode != 0:
        raise SourceError(f"release_gpg_keys cannot be read: {' '.join(done.stderr.split())}")


@contextmanager
def remote_access(given: dict[str, Any], aside: str) -> Iterator[dict[str, str]]:
    """The environment for talking to the remote. The key lies in a file of root's only while it is needed."""
    options = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=15"]
    for name, option in (("key", "IdentityFile"), ("known_hosts", "UserKnownHostsFile")):
        if given[name]:
            path = Path(aside, name)
            path.touch(mode=0o600)
            path.write_text(given[name].strip() + "\n", encoding="utf-8")
            options += ["-o", f"{option}={path}"]
    if given["key"]:
        options += ["-o", "IdentitiesOnly=yes"]
    yield {"GIT_SSH_COMMAND": shlex.join(options)}


def refuse_password(url: str) -> None:
    if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", url):
        raise SourceError(
            "release_git_url has a password in it, which every user of the host could read: use release_git_key"
        )


def fetch(mirror: Path, url: str, environment: dict[str, str]) -> Repository:
    """Bring a mirror's branches and tags to the remote's; a mirror that is broken is made anew."""
    refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    options = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30", "-c", "gc.auto=0")
    outside = Repository("/", environment)
    reached = outside.ask("ls-remote", "--quiet", "--end-of-options", url, "HEAD")
    if reached.returncode != 0:
        fix = "check release_git_url, release_git_key and release_git_known_hosts"
        raise SourceError(f"the repository {url} cannot be read: {' '.join(reached.stderr.split())}; {fix}")
    repository = Repository(str(mirror), environment)
    for attempt in (1, 2):
        if attempt == 2 and mirror.exists():
            shutil.rmtree(mirror)
        outside.output("init", "--quiet", "--bare", str(mirror))
        # What a killed git locked: runs exclude each other, so nobody else works here.
        for lock in mirror.rglob("*.lock"):
            lock.unlink()
        done = repository.ask(*options, "fetch", "--quiet", "--prune", "--no-tags", "--end-of-options", url, *refs)
        if done.returncode == 0:
            return repository
    raise SourceError(f"fetching {url} failed: {' '.join(done.stderr.split())}")


def from_remote(mirror: Path, given: dict[str, Any], environment: dict[str, str]) -> tuple[Repository, dict[str, Any]]:
    url, version = given["url"], given["version"]
    repository = fetch(mirror, url, environment)
    commit = repository.commit_of(version)
    if not commit and _COMMIT.fullmatch(version):
        # No branch or tag leads to it, but some servers give what is asked for by its name.
        repository.ask("fetch", "--quiet", "--no-tags", "--end-of-options", url, version)
        commit = repository.commit_of(version)
    if not commit:
        raise SourceError(f"the repository {url} has no commit, tag or branch {version}: push it, or correct version")
    return repository, {"commit": commit, "source": f"git {url}", "dirty": False}


def choose(given: dict[str, Any], aside: str, *, throw_away: bool) -> dict[str, Any]:
    version = given["version"]
    if not given["url"]:
        refuse_translated(Path(given["repository"]))
    if _TARBALL.search(version):
        if given["url"]:
            raise SourceError(f"{version} is a tarball, and release_source git takes a commit or a tag")
        if given["verify"]:
            raise SourceError(
                f"{version} is refused: a tarball carries no signature; name a signed tag (-e version=...)"
            )
        about = from_tarball(version)
        return {
            "dirty": False,
            "commits": Repository(given["repository"]).commits(given["since"], about["commit"]),
            **about,
        }
    if given["url"]:
        refuse_password(given["url"])
        mirror = Path(given["repository"])
        if throw_away:
            known, mirror = mirror / "objects", Path(aside, "mirror.git")
            Repository("/").output("init", "--quiet", "--bare", str(mirror))
            if known.is_dir():
                (mirror / "objects/info/alternates").write_text(f"{known}\n", encoding="utf-8")
        with remote_access(given, aside) as environment:
            repository, about = from_remote(mirror, given, environment)
    else:
        repository = Repository(given["repository"])
        about = from_checkout(repository, version, aside, allow_dirty=given["allow_dirty"])
    if given["verify"]:
        verify_tag(repository, version, given, aside)
        about["source"] += f", signed tag {version}"
        about["commit"] = repository.commit_of(f"refs/tags/{version}")
    about["commits"] = repository.commits(given["since"], about["commit"])
    return {"tarball": "", "prefix": "", **about, **repository.holds(about["commit"])}


def read_directory(path: str) -> dict[str, Any]:
    """What an unpacked release holds; of what is missing nothing."""
    top = Path(path)
    files = {name: (top / name).read_text(encoding="utf-8") if (top / name).is_file() else "" for name in _NEEDED}
    names = [str(file.relative_to(top)) for file in (top / _MIGRATIONS).glob("*.py")]
    existing = next(place for place in (top, *top.parents) if place.exists())
    return {"free": shutil.disk_usage(existing).free, **contents(files, names)}


def main() -> None:
    module = AnsibleModule(
        {
            "version": {"type": "str", "default": "HEAD"},
            "repository": {"type": "path"},
            "url": {"type": "str", "default": ""},
            "key": {"type": "str", "default": "", "no_log": True},
            "known_hosts": {"type": "str", "default": ""},
            "allow_dirty": {"type": "bool", "default": False},
            "verify": {"type": "bool", "default": False},
            "allowed_signers": {"type": "str", "default": ""},
            "gpg_keys": {"type": "str", "default": "", "no_log": False},
            "since": {"type": "list", "elements": "str", "default": []},
            "directory": {"type": "path"},
        },
        required_one_of=[("repository", "directory")],
        supports_check_mode=True,
    )
    os.umask(0o022)
    given = module.params
    try:
        if given["directory"]:
            module.exit_json(changed=False, **read_directory(given["directory"]))
        with tempfile.TemporaryDirectory(prefix="milkbot-source-") as aside:
            answer = choose(given, aside, throw_away=module.check_mode)
    except SourceError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
