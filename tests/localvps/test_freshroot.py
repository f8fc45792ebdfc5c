"""A fresh root ends with the run that made it, and what is left of a killed run stops no later one."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freshroot import cell
from localvps import cgroups, config, images
from localvps.config import Config

# The continuous integration runs all tests within such a root: what usually happens is seen there. These take minutes.
pytestmark = pytest.mark.matrix

_TOOLS = Path(cell.__file__).parents[1]
_SLEEPER = """import ipaddress, sys
from pathlib import Path
from freshroot import cell
from localvps.config import Config
state = Path(sys.argv[1])
config = Config(state, state, state / "run", "freshtst", ipaddress.IPv4Network("10.88.0.0/24"))
with cell.opened(config, Path(sys.argv[2]), Path(sys.argv[3])) as ready:
    ready.run(["sh", "-c", "touch /root/started; sleep 1000"])
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of one commit, of another user than the one who runs."""
    path = tmp_path_factory.mktemp("tree") / "tree"
    path.mkdir()
    (path / "committed").touch()
    (path / ".gitignore").write_text("test-results/\n", encoding="ascii")
    for words in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("-c", "user.name=t", "-c", "user.email=t@milkbot.test", "commit", "--quiet", "--message", "one"),
    ):
        subprocess.run(["git", *words], cwd=path, check=True)
    subprocess.run(["chown", "--recursive", "nobody", path], check=True)
    return path


@pytest.fixture(scope="module")
def base() -> Path:
    """The image of a machine serves: it has a shell too."""
    return images.ensure(config.load(), "debian-12").root


@pytest.fixture
def cell_config(tmp_path: Path) -> Config:
    return Config(tmp_path, tmp_path, tmp_path / "run", "freshtst", ipaddress.IPv4Network("10.88.0.0/24"))


def test_a_killed_run_ends_all_that_it_started_and_does_not_block_the_next(
    cell_config: Config, base: Path, tree: Path
) -> None:
    command = [sys.executable, "-c", _SLEEPER, str(cell_config.state_dir), str(base), str(tree)]
    with subprocess.Popen(command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(_TOOLS)}) as run:
        started = cell_config.state_dir / "home/started"
        while not started.exists():
            assert run.poll() is None
            time.sleep(0.1)
        run.kill()
    members = cgroups.path("fresh-freshtst") / "cgroup.procs"
    while members.read_text(encoding="ascii"):
        time.sleep(0.1)
    (tree / "test-results/of-the-killed-run").touch()
    inside = 'test -f committed && test ! -e /root/started && test "$(ls test-results)" = of-the-killed-run && exit 7'
    with cell.opened(cell_config, base, tree) as ready:
        assert ready.run(["sh", "-c", inside]) == 7
    assert not cell_config.state_dir.joinpath("root").exists()
    assert not cgroups.path("fresh-freshtst").exists()
    assert not [path for path in Path("/sys/class/net").iterdir() if "freshtst" in path.name]


def test_a_run_keeps_its_downloads_and_nothing_else_of_its_home(cell_config: Config, base: Path, tree: Path) -> None:
    leave = "cd /root; touch .cache/uv/wheel .cache/other .profile-of-mine; mkdir -p .ansible/x .cache/milkbot/uv-1"
    with cell.opened(cell_config, base, tree) as ready:
        assert ready.run(["sh", "-c", leave]) == 0
    with cell.opened(cell_config, base, tree) as ready:
        assert ready.run(["sh", "-c", 'test "$(find /root/.cache -type f)" = /root/.cache/uv/wheel']) == 0
        assert ready.run(["sh", "-c", "! ls -d /root/.ansible /root/.profile-of-mine /root/.cache/milkbot/uv-1"]) == 0
