"""The module that settles what a version is, run as Ansible runs it, on real repositories, tags and tarballs."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask
from tests.roles.rendering import ROOT, evaluate

LOCK = '[[package]]\nname = "{}"\nversion = "{}"\n\n'
FILES = {
    "app/milkbot/__init__.py": "",
    "app/migrations/versions/0001_first.py": "",
    "pyproject.toml": '[project]\nname = "milkbot"\nversion = "1.2.3"\n',
    "uv.lock": LOCK.format("httpx2", "2.16") + LOCK.format("rich", "15"),
    "tests/test_one.py": "",
}


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd).stdout.strip()


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository with one commit of a version."""

    path: Path

    @staticmethod
    def make(path: Path, files: dict[str, str]) -> Checkout:
        made = Checkout(path)
        _run("git", "init", "--quiet", "--initial-branch=main", path)
        for name, value in {"user.name": "test", "user.email": "test@milkbot.test", "gpg.format": "ssh"}.items():
            made.git("config", name, value)
        made.commit("First", files)
        return made

    def git(self, *words: str) -> str:
        return _run("git", "-C", self.path, *words)

    def commit(self, message: str, files: dict[str, str]) -> str:
        for name, content in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(content, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def sign(self, tag: str, key: Path) -> None:
        self.git("-c", f"user.signingKey={key}", "tag", "--sign", "--message", tag, tag)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.make(tmp_path / "checkout", FILES)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    top = tmp_path_factory.mktemp("keys")

    def make(name: str) -> Path:
        if not (top / name).exists():
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", top / name)
        return top / name

    return make


def _allowed(key: Path) -> str:
    return f"test@milkbot.test {key.with_suffix('.pub').read_text('utf-8')}"


def _choose(repository: Path, version: str = "HEAD", *, check: bool = False, **given: Any) -> dict[str, Any]:
    return ask(
        "release/library/release_source.py", check=check, version=str(version), repository=str(repository), **given
    )


def _refusal(answer: dict[str, Any]) -> str:
    assert answer.get("failed") is True, answer
    return str(answer["msg"])


# A checkout.


@pytest.mark.parametrize("name", ["commit", "short commit", "tag", "branch", "HEAD"])
def test_each_name_of_a_version_resolves_to_its_commit(checkout: Checkout, name: str) -> None:
    commit = checkout.git("rev-parse", "HEAD")
    checkout.git("tag", "v1")
    names = {"commit": commit, "short commit": commit[:9], "tag": "v1", "branch": "main", "HEAD": "HEAD"}
    answer = _choose(checkout.path, names[name])
    assert (answer["commit"], answer["source"], answer["version"]) == (commit, "commit", "1.2.3")


def test_the_plan_knows_the_commits_packages_and_migrations_to_come(checkout: Checkout) -> None:
    first = checkout.git("rev-parse", "HEAD")
    after = {"uv.lock": LOCK.format("rich", "16"), "app/migrations/versions/0002_next.py": ""}
    checkout.commit("Second", after)
    answer = _choose(checkout.path, since=[first, "f" * 40, ""])
    assert list(answer["commits"]) == [first]
    assert [line.split(" ", 1)[1] for line in answer["commits"][first]] == ["Second"]
    assert (answer["packages"], answer["migrations"]) == ({"rich": "16"}, ["0001_first.py", "0002_next.py"])


@pytest.mark.parametrize(("name", "mark"), [("app/new.py", "??"), ("uv.lock", " M")])
def test_changes_of_what_is_shipped_are_refused_until_they_are_committed(
    checkout: Checkout, name: str, mark: str
) -> None:
    (checkout.path / name).write_text("new", "utf-8")
    said = _refusal(_choose(checkout.path))
    assert f"has changes of what is shipped that are not committed:\n{mark} {name}" in said
    assert "-e allow_dirty=yes" in said
    assert "failed" not in _choose(checkout.path, checkout.git("rev-parse", "HEAD"))


@pytest.mark.parametrize("allow_dirty", [False, True])
def test_changes_outside_of_what_is_shipped_need_not_be_committed(checkout: Checkout, *, allow_dirty: bool) -> None:
    for name in ("inventories/production/hosts.yml", "README.md", "tests/test_one.py", "application.py"):
        (checkout.path / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.path / name).write_text("filled in", "utf-8")
    answer = _choose(checkout.path, allow_dirty=allow_dirty)
    assert (answer["commit"], answer["dirty"]) == (checkout.git("rev-parse", "HEAD"), False)


def test_an_allowed_dirty_checkout_ships_new_files_of_the_shipped_paths_alone(
    checkout: Checkout,
) -> None:
    (checkout.path / "app/new.py").write_text("new", "utf-8")
    (checkout.path / "vault.yml").write_text("secret", "utf-8")
    index = (checkout.path / ".git/index").read_bytes()
    answer = _choose(checkout.path, allow_dirty=True)
    assert answer["dirty"] is True
    names = checkout.git("ls-tree", "-r", "--name-only", answer["commit"]).splitlines()
    assert "app/new.py" in names
    assert "vault.yml" not in names
    assert (checkout.path / ".git/index").read_bytes() == index


def test_a_version_is_identified_by_what_is_shipped(checkout: Checkout, tmp_path: Path) -> None:
    first = _choose(checkout.path)
    assert first["paths"] == ["app", "pyproject.toml", "uv.lock"]
    others = {"inventories/production/hosts.yml": "all:", "README.md": "text", "tests/test_one.py": "pass", "apps": ""}
    assert checkout.commit("Inventory, documents and tests", others) != first["commit"]
    assert _choose(checkout.path)["content"] == first["content"]
    checkout.git("tag", "v2")
    assert _choose(checkout.path, "v2")["content"] == first["content"]
    for name in ("of-git.tar.gz", "of-a-forge.tar"):
        checkout.git("archive", f"--output={tmp_path / name}", "--prefix=milkbot/", "HEAD")
        assert _choose(checkout.path, str(tmp_path / name))["content"] == first["content"]


@pytest.mark.parametrize("change", ["content", "mode", "link", "new", "gone", "licence"])
def test_another_version_is_shipped_when_a_shipped_file_differs(
    checkout: Checkout, tmp_path: Path, change: str
) -> None:
    first = _choose(checkout.path)["content"]
    module = checkout.path / "app/milkbot/__init__.py"
    if change == "mode":
        module.chmod(0o755)
    elif change == "link":
        (module.parent / "link.py").symlink_to("__init__.py")
    elif change == "gone":
        module.unlink()
    checkout.commit(
        change, {"content": {"uv.lock": ""}, "new": {"app/x": ""}, "licence": {"LICENSE": ""}}.get(change, {})
    )
    changed = _choose(checkout.path)["content"]
    assert changed != first
    checkout.git("archive", f"--output={tmp_path}/changed.tar", "HEAD")
    assert _choose(checkout.path, f"{tmp_path}/changed.tar")["content"] == changed


def test_what_the_project_file_names_for_the_build_is_shipped(checkout: Checkout) -> None:
    checkout.commit(
        "With a readme", {"pyproject.toml": FILES["pyproject.toml"] + 'readme = "ABOUT.md"\n', "ABOUT.md": "1"}
    )
    first = _choose(checkout.path)
    assert first["paths"] == ["app", "pyproject.toml", "uv.lock", "ABOUT.md"]
    checkout.commit("Another text", {"ABOUT.md": "2"})
    assert _choose(checkout.path)["content"] != first["content"]


def test_the_same_changes_get_the_same_identity(checkout: Checkout) -> None:
    (checkout.path / "uv.lock").write_text(LOCK.format("rich", "17"), "utf-8")
    one, other = _choose(checkout.path, allow_dirty=True), _choose(checkout.path, allow_dirty=True)
    assert (one["commit"], one["source"], one["packages"]) == (other["commit"], "checkout with changes", {"rich": "17"})
    assert one["commit"] != checkout.git("rev-parse", "HEAD")


def test_an_unknown_version_is_refused(checkout: Checkout) -> None:
    assert f"the checkout {checkout.path} knows no commit, tag or branch v9" in _refusal(_choose(checkout.path, "v9"))
    assert "knows no commit, tag or branch --help" in _refusal(_choose(checkout.path, "--help"))


def test_a_commit_of_another_project_is_refused(checkout: Checkout) -> None:
    checkout.git("rm", "--quiet", "uv.lock")
    commit = checkout.commit("Without a lock file", {})
    assert _refusal(_choose(checkout.path)) == f"commit {commit[:12]} is no version of Milkbot: it has no uv.lock"


# A tarball.


@pytest.mark.parametrize("prefix", ["", "milkbot-1.2.3/"])
@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_a_tarball_made_by_git_is_identified_by_its_commit(
    checkout: Checkout, tmp_path: Path, ending: str, prefix: str
) -> None:
    path = tmp_path / f"milkbot.{ending}"
    checkout.git("archive", f"--output={path}", f"--prefix={prefix}", "HEAD")
    answer = _choose(tmp_path, str(path))
    assert answer["commit"] == checkout.git("rev-parse", "HEAD")
    assert answer["source"] == f"tarball milkbot.{ending}, made by git"
    assert (answer["prefix"], answer["tarball"]) == (prefix.rstrip("/"), str(path))
    assert (answer["version"], answer["migrations"]) == ("1.2.3", ["0001_first.py"])
    assert answer["packages"] == {"httpx2": "2.16", "rich": "15"}


def _tarball(path: Path, files: dict[str, str], *others: tarfile.TarInfo, top: str = "") -> Path:
    with tarfile.open(path, "w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(top + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
        for member in others:
            archive.addfile(member)
    return path


def test_a_tarball_without_a_commit_is_identified_by_its_sha_256(tmp_path: Path) -> None:
    path = _tarball(tmp_path / "milkbot.tar.xz", FILES, top="./milkbot/")
    answer = _choose(tmp_path, str(path))
    assert answer["commit"] == hashlib.sha256(path.read_bytes()).hexdigest()[:40]
    assert answer["source"] == "tarball milkbot.tar.xz, named by its SHA-256"
    assert answer["prefix"] == "milkbot"


@pytest.mark.parametrize(
    ("left_out", "named"), [("pyproject.toml", "pyproject.toml"), ("uv.lock", "uv.lock"), ("app/", "app/")]
)
def test_a_tarball_of_another_project_is_refused(tmp_path: Path, left_out: str, named: str) -> None:
    files = {name: content for name, content in FILES.items() if not name.startswith(left_out)}
    path = _tarball(tmp_path / "other.tar.xz", files)
    assert f"{path} is no version of Milkbot: it has no {named}" in _refusal(_choose(tmp_path, str(path)))


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        _link("/etc/cron.d/app", "x"),
        _link("app/../../up", "x"),
        _link("app/link", "../../up"),
        _link("app/link", "/etc/shadow"),
        _link("app/hard", "/etc/shadow", tarfile.LNKTYPE),
    ],
    ids=lambda member: f"{member.name} {member.linkname}",
)
def test_a_tarball_with_members_outside_of_it_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    path = _tarball(tmp_path / "evil.tar.xz", FILES, member)
    assert f"{path} is refused: {member.name} leads out of it" in _refusal(_choose(tmp_path, str(path)))


def test_a_tarball_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = _tarball(tmp_path / "cut.tar.xz", {**FILES, "app/long": "".join(map(str, range(9999)))})
    path.write_bytes(path.read_bytes()[:-2000])
    assert f"{path} cannot be read" in _refusal(_choose(tmp_path, str(path)))
    assert "not.tar cannot be read" in _refusal(_choose(tmp_path, str(tmp_path / "not.tar")))


# A control node whose git translates the ends of lines.

SCRIPT = {"deployment/scripts/run.sh": "#!/bin/sh\ntrue\n"}


@pytest.fixture
def translating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `git config --global core.autocrlf true` makes it, and one that colors what a program reads."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[core]\n\tautocrlf = true\n[color]\n\tui = always\n", "ascii")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))


@pytest.mark.usefixtures("translating")
def test_a_checkout_with_translated_line_ends_is_refused_and_its_remedy_works(tmp_path: Path) -> None:
    origin = Checkout.make(tmp_path / "origin", FILES | SCRIPT)
    _run("git", "clone", "--quiet", origin.path, tmp_path / "clone")
    clone = Checkout(tmp_path / "clone")
    assert b"\r\n" in (clone.path / "deployment/scripts/run.sh").read_bytes()
    for version in ("HEAD", "main"):
        said = _refusal(_choose(clone.path, version))
        assert "has lines that end in CR LF in deployment/scripts/run.sh" in said
    for command in (f"git -C {clone.path} config core.autocrlf false", f"git -C {clone.path} rm -r -q --cached ."):
        assert command in said
        _run(*command.split())
    _run("git", "-C", clone.path, "reset", "--hard", "--quiet")
    assert _choose(clone.path)["commit"] == origin.git("rev-parse", "HEAD")


@pytest.mark.usefixtures("translating")
def test_the_projects_git_attributes_keep_line_ends_as_committed(tmp_path: Path) -> None:
    attributes = {".gitattributes": (ROOT / ".gitattributes").read_text("utf-8")}
    origin = Checkout.make(tmp_path / "origin", FILES | SCRIPT | attributes)
    _run("git", "clone", "--quiet", origin.path, tmp_path / "clone")
    assert (tmp_path / "clone/deployment/scripts/run.sh").read_bytes() == SCRIPT["deployment/scripts/run.sh"].encode()
    first = origin.git("rev-parse", "HEAD")
    origin.commit("Second", {"app/two.py": ""})
    _run("git", "-C", tmp_path / "clone", "pull", "--quiet")
    answer = _choose(tmp_path / "clone", since=[first])
    assert answer["dirty"] is False
    assert [line.split(" ", 1) for line in answer["commits"][first]] == [
        [origin.git("rev-parse", "--short", "HEAD"), "Second"]
    ]


@pytest.mark.usefixtures("translating")
def test_an_archive_holds_the_bytes_that_were_committed(tmp_path: Path) -> None:
    checkout = Checkout.make(tmp_path / "checkout", FILES | SCRIPT)
    commit = checkout.git("rev-parse", "HEAD")
    given = {
        "release_chosen": {"tarball": "", "paths": ["deployment", "app"]},
        "__release_commit": commit,
        "release_source": "archive",
        "release_repository": str(checkout.path),
    }
    done = subprocess.run(evaluate("_release_archive_command", **given), check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        script = archive.extractfile("deployment/scripts/run.sh")
        assert script is not None
        assert script.read() == b"#!/bin/sh\ntrue\n"


# A signature.


def test_a_signed_tag_is_accepted(checkout: Checkout, keys: Callable[[str], Path]) -> None:
    checkout.sign("v1", keys("owner"))
    answer = _choose(checkout.path, "v1", verify=True, allowed_signers=_allowed(keys("owner")))
    assert (answer["commit"], answer["source"]) == (checkout.git("rev-parse", "HEAD"), "commit, signed tag v1")


def test_a_tag_signed_by_openpgp_is_accepted_with_its_key_alone(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    who = "test@milkbot.test"
    _run("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", who, "ed25519", "sign")
    try:
        checkout.git("-c", "gpg.format=openpgp", "-c", f"user.signingKey={who}", "tag", "--sign", "-m", "v1", "v1")
        public = _run("gpg", "--armor", "--export", who)
    finally:
        _run("gpgconf", "--kill", "all")
    assert "failed" not in _choose(checkout.path, "v1", verify=True, gpg_keys=public)
    assert "v1 is refused" in _refusal(_choose(checkout.path, "v1", verify=True))


UNSIGNED = {
    "of nobody's": "it is not the name of a tag",
    "HEAD": "it is not the name of a tag",
    "plain": "the tag carries no signature",
    "annotated": "no signature found",
    "of another's": "release_allowed_signers",
    "renamed": "what is signed is the tag signed",
}


@pytest.mark.parametrize("case", UNSIGNED)
def test_an_unsigned_version_is_refused(checkout: Checkout, keys: Callable[[str], Path], case: str) -> None:
    checkout.git("branch", "of-nobody's")
    checkout.git("tag", "plain")
    checkout.git("tag", "--annotate", "--message", "v", "annotated")
    checkout.sign("of-another's", keys("another"))
    checkout.sign("signed", keys("owner"))
    checkout.git("update-ref", "refs/tags/renamed", "refs/tags/signed")
    name = case.replace(" ", "-")
    said = _refusal(_choose(checkout.path, name, verify=True, allowed_signers=_allowed(keys("owner"))))
    assert said.startswith(f"{name} is refused, since release_verify_signature is on")
    assert UNSIGNED[case] in said


def test_a_tarball_is_refused_where_a_signature_is_required(checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("archive", f"--output={tmp_path}/a.tar", "HEAD")
    said = _refusal(_choose(checkout.path, f"{tmp_path}/a.tar", verify=True))
    assert "a tarball carries no signature" in said


# A remote repository.


@dataclass(frozen=True, slots=True)
class Remote:
    """A bare repository, and the mirror of it that a host would keep."""

    checkout: Checkout
    path: Path
    mirror: Path

    def push(self) -> None:
        self.checkout.git("push", "--quiet", "--force", "--prune", str(self.path), "+refs/*:refs/*")

    def choose(self, version: str, **given: Any) -> dict[str, Any]:
        return _choose(self.mirror, version, **{"url": f"file://{self.path}", **given})


@pytest.fixture
def remote(checkout: Checkout, tmp_path: Path) -> Remote:
    _run("git", "init", "--quiet", "--bare", tmp_path / "remote.git")
    made = Remote(checkout, tmp_path / "remote.git", tmp_path / "host/mirror.git")
    made.mirror.parent.mkdir()
    made.push()
    return made


@pytest.mark.parametrize("name", ["commit", "tag", "branch"])
def test_each_name_of_the_remotes_version_resolves_to_its_commit(remote: Remote, name: str) -> None:
    commit = remote.checkout.git("rev-parse", "HEAD")
    remote.checkout.git("tag", "v1")
    remote.push()
    answer = remote.choose({"commit": commit, "tag": "v1", "branch": "main"}[name])
    assert (answer["commit"], answer["source"]) == (commit, f"git file://{remote.path}")
    assert (answer["version"], answer["tarball"]) == ("1.2.3", "")


def test_commits_pushed_since_are_fetched(remote: Remote) -> None:
    first = remote.choose("main")["commit"]
    second = remote.checkout.commit("Second", {})
    remote.push()
    answer = remote.choose("main", since=[first])
    assert answer["commit"] == second
    assert len(answer["commits"][first]) == 1
    # A branch that was taken back and a tag that was moved are what the remote says now.
    remote.checkout.git("reset", "--quiet", "--hard", first)
    remote.push()
    assert remote.choose("main")["commit"] == first


def test_a_commit_that_was_not_pushed_is_refused(remote: Remote) -> None:
    commit = remote.checkout.commit("At home", {})
    said = _refusal(remote.choose(commit))
    wanted = f"the repository file://{remote.path} has no commit, tag or branch {commit}"
    assert said == f"{wanted}: push it, or correct version"


def test_an_unreachable_remote_is_reported_and_leaves_nothing(remote: Remote) -> None:
    said = _refusal(remote.choose("main", url=f"file://{remote.path}.away"))
    assert f"the repository file://{remote.path}.away cannot be read" in said
    assert "check release_git_url, release_git_key and release_git_known_hosts" in said
    assert not remote.mirror.exists()


def test_check_mode_keeps_nothing_that_it_fetched(remote: Remote) -> None:
    answer = remote.choose("main", check=True)
    assert answer["version"] == "1.2.3"
    assert not remote.mirror.exists()
    first = remote.choose("main")["commit"]
    second = remote.checkout.commit("Second", {})
    remote.push()
    answer = remote.choose("main", check=True, since=[first])
    assert (answer["commit"], len(answer["commits"][first])) == (second, 1)
    assert _run("git", "-C", remote.mirror, "rev-parse", "main") == first


@pytest.mark.parametrize("left", ["a lock", "an empty directory", "a broken object", "half a repository"])
def test_the_rest_of_a_killed_fetch_does_not_stop_the_next(remote: Remote, left: str) -> None:
    if left != "an empty directory":
        remote.choose("main")
    if left == "a lock":
        (remote.mirror / "packed-refs.lock").touch()
        (remote.mirror / "refs/heads/main.lock").touch()
    elif left == "an empty directory":
        remote.mirror.mkdir()
    elif left == "a broken object":
        for path in [*remote.mirror.glob("objects/??/*"), *remote.mirror.glob("objects/pack/*.pack")]:
            path.chmod(0o644)
            path.write_bytes(b"")
    else:
        (remote.mirror / "HEAD").unlink()
    second = remote.checkout.commit("Second", {"app/new.py": "new"})
    remote.push()
    assert remote.choose("main")["commit"] == second


def test_an_unsigned_tag_of_the_remote_is_refused(remote: Remote, keys: Callable[[str], Path]) -> None:
    remote.checkout.sign("v1", keys("owner"))
    remote.checkout.git("tag", "v2")
    remote.push()
    trust = {"verify": True, "allowed_signers": _allowed(keys("owner"))}
    assert remote.choose("v1", **trust)["source"] == f"git file://{remote.path}, signed tag v1"
    assert "v2 is refused" in _refusal(remote.choose("v2", **trust))


def test_a_password_in_the_repositorys_address_is_refused_and_not_shown(remote: Remote) -> None:
    said = _refusal(remote.choose("main", url="https://me:secret@milkbot.test/milkbot.git"))
    assert "release_git_url has a password in it" in said
    assert "secret" not in said


# What is unpacked already.


def test_the_running_release_is_described(checkout: Checkout) -> None:
    answer = ask("release/library/release_source.py", directory=str(checkout.path))
    assert (answer["version"], answer["migrations"]) == ("1.2.3", ["0001_first.py"])
    assert answer["packages"] == {"httpx2": "2.16", "rich": "15"}
    assert answer["free"] > 0


def test_a_missing_release_does_not_end_the_plan(tmp_path: Path) -> None:
    answer = ask("release/library/release_source.py", directory=str(tmp_path / "gone"))
    assert (answer["packages"], answer["migrations"]) == ({}, [])
