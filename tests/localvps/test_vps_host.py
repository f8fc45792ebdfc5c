"""What the host gives: tools, privileges, mirrors, resolvers and its processes."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localvps import files, host, keyrings, mirrors, process, recipes, seed
from localvps.errors import VpsError


def test_a_missing_tool_is_reported_with_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(VpsError, match="apt-get install nftables systemd-container"):
        host.require("systemd-nspawn", "nft")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")
def test_a_user_without_privilege_is_refused_in_one_sentence() -> None:
    tools = Path(host.__file__).parents[1]
    # Given up only after the import: the clone may lie where others may not enter.
    give_up = (
        "import os, sys; from localvps.cli import main; os.setgroups([]); os.setuid(65534); sys.exit(main(['list']))"
    )
    env = {**os.environ, "PYTHONPATH": str(tools)}
    done = subprocess.run([sys.executable, "-c", give_up], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "vps: error: needs root (this is uid 65534): run it with sudo\n"


def test_the_hosts_own_mirror_is_used_in_either_file_format(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://off.test/debian bookworm main\ndeb [arch=amd64] https://one.test/mirror/debian/ bookworm main\n",
        encoding="ascii",
    )
    (tmp_path / "sources.list.d/security.sources").write_text(
        "Types: deb\nURIs: http://two.test/debian-security\nSuites: bookworm-security\n", encoding="ascii"
    )
    assert mirrors.mirror("debian", tmp_path) == ("https://one.test/mirror/debian", "http://two.test/debian-security")


def test_a_mirror_that_does_not_answer_is_reported_with_the_option_to_change_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MILKBOT_UBUNTU_MIRROR", "http://127.0.0.1:9/ubuntu")
    with pytest.raises(VpsError, match=r"127\.0\.0\.1:9.*does not answer.*MILKBOT_UBUNTU_MIRROR"):
        mirrors.check(recipes.find("ubuntu-24.04"))


def test_a_mirror_of_another_distribution_is_used_only_if_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MILKBOT_UBUNTU_MIRROR", raising=False)
    with pytest.raises(VpsError, match=r"no mirror of ubuntu is configured: set MILKBOT_UBUNTU_MIRROR"):
        mirrors.mirror("ubuntu", tmp_path)


def test_absent_keys_are_reported_and_not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = dataclasses.replace(keyrings.SOURCES["ubuntu"], installed=tmp_path / "absent.gpg")
    monkeypatch.setattr(keyrings, "SOURCES", {"ubuntu": source})
    with pytest.raises(VpsError, match=r"absent\.gpg is missing: put it there from an Ubuntu host"):
        keyrings.find("ubuntu")


def test_another_trust_or_mirror_gives_another_image() -> None:
    recipe = recipes.find("debian-12")
    assert len({recipe.digest("a", "t"), recipe.digest("b", "t"), recipe.digest("a", "u")}) == 3


def test_a_machine_never_gets_a_resolver_on_the_hosts_loopback(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n", encoding="ascii")
    with pytest.raises(VpsError, match="loopback"):
        seed.resolver(tmp_path, tmp_path)
    behind = tmp_path / "systemd/resolve/resolv.conf"
    behind.parent.mkdir(parents=True)
    behind.write_text("# comment\nnameserver 192.0.2.53\n", encoding="ascii")
    assert seed.resolver(tmp_path, tmp_path) == "nameserver 192.0.2.53\n"


def test_a_reused_process_number_is_not_taken_for_the_machine() -> None:
    assert not process.Process(os.getpid(), "another boot/1", Path("/nowhere")).alive()


def test_nothing_is_removed_below_a_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "tree/dev"
    precious.mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 98:0 / {precious} rw - devtmpfs dev rw\n", encoding="ascii")
    monkeypatch.setattr(files, "MOUNTS", mounts)
    with pytest.raises(VpsError, match="still mounted"):
        files.remove_tree(tmp_path / "tree")
    assert precious.is_dir()
