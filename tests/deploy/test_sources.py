"""Versions from elsewhere than a checkout, on a machine that trades."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.platform import Platform, run, said
from tests.patience import PATIENCE

pytestmark = pytest.mark.matrix


@contextmanager
def _served(repository: Path, address: str) -> Iterator[str]:
    """The repository's URL while git's own server offers it there."""
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    command = ["git", "daemon", "--reuseaddr", f"--listen={address}", f"--port={port}", "--export-all"]
    server = subprocess.Popen([*command, f"--base-path={repository.parent}"], stderr=subprocess.DEVNULL)
    url = f"git://{address}:{port}/{repository.name}"
    try:
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(["git", "ls-remote", url], check=False, capture_output=True).returncode != 0:
            assert time.monotonic() < deadline, "git daemon does not answer"
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait()


def test_a_release_of_a_tarball_runs(platform: Platform, tmp_path: Path) -> None:
    commit = platform.versions.commit("In a tarball", {})
    tarball = tmp_path / "milkbot.tar.gz"
    run("git", "archive", f"--output={tarball}", "--prefix=milkbot-1/", commit, cwd=platform.versions.directory)
    done = platform.play("update.yml", version=str(tarball))
    assert done.returncode == 0, said(done)
    assert platform.live().endswith(commit[:12])
    assert platform.record(platform.live())["source"] == "tarball milkbot.tar.gz, made by git"
    assert platform.state()["serving"] == platform.live()


def test_the_host_refuses_an_unsigned_tag_and_deploys_a_signed_one(platform: Platform, tmp_path: Path) -> None:
    before, clone = platform.state(), platform.versions.directory
    commit = platform.versions.commit("Signed", {})
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key")
    who = ("-c", "user.name=test", "-c", "user.email=test@milkbot.test")
    how = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={tmp_path / 'key'}")
    run("git", *who, *how, "tag", "--force", "--sign", "--message=signed", "signed", commit, cwd=clone)
    run("git", *who, "tag", "--force", "--annotate", "--message=not", "unsigned", commit, cwd=clone)
    given: dict[str, Any] = {
        "release_source": "git",
        "release_verify_signature": True,
        "release_allowed_signers": f"test@milkbot.test {(tmp_path / 'key.pub').read_text('utf-8')}",
    }
    gateway = platform.ssh("ip -json route show default | jq --raw-output '.[0].gateway'")
    with _served(clone, gateway) as url:
        refused = platform.play("update.yml", version="unsigned", release_git_url=url, **given)
        assert refused.returncode != 0
        assert "unsigned is refused, since release_verify_signature is on" in said(refused)
        assert platform.state() == before
        done = platform.play("update.yml", version="signed", release_git_url=url, **given)
    assert done.returncode == 0, said(done)
    live = platform.live()
    assert live.endswith(commit[:12])
    assert platform.record(live)["source"] == f"git {url}, signed tag signed"
    away = platform.play("update.yml", version="signed", release_git_url=url, **given)
    assert away.returncode != 0
    assert f"the repository {url} cannot be read" in said(away)
    assert platform.state() == before | {"link": live, "serving": live}


@contextmanager
def _no_package_index(platform: Platform) -> Iterator[None]:
    """The machine has no installer, nothing in its cache, and reaches nobody's https."""
    tools, rule = "/opt/milkbot-tools", "OUTPUT ! -o lo -p tcp --dport 443 -j REJECT"
    platform.ssh(f"mv {tools} {tools}.aside && iptables -I {rule}")
    try:
        yield
    finally:
        platform.ssh(f"iptables -D {rule}; rm -rf {tools} && mv {tools}.aside {tools}")


def test_a_host_without_a_package_index_is_updated_from_wheels(platform: Platform) -> None:
    commit = platform.versions.commit("By wheels", {})
    with _no_package_index(platform):
        assert platform.ssh("curl --silent --max-time 10 https://pypi.org/ > /dev/null || echo refused") == "refused"
        done = platform.play("update.yml", version=commit, release_wheelhouse=True)
        wheels = platform.ssh("ls /opt/milkbot-tools/wheels/environment/*/ | grep -c whl")
    assert done.returncode == 0, said(done)
    assert platform.live().endswith(commit[:12])
    assert int(wheels) > 30
    assert platform.state()["serving"] == platform.live()
