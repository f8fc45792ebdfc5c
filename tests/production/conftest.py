"""A bare server and a reader of the README: bin/test production."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest
from tests.deploy.platform import ROOT
from tests.production.reader import NO_VERSION, Reader, machine, steps, succeeded

# Named by bin/test: its own part for each image.
IMAGE = os.environ.get("MILKBOT_PRODUCTION_IMAGE", "")


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader with a fresh clone, before the first command; the server is as its provider hands it over."""
    if not IMAGE:
        pytest.skip("no image to make a server of; run: bin/test production")
    # Named after the checkout too, so that two of them on one host do not take each other's machine away.
    name = f"production-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
    for made in machine(name, IMAGE):
        yield Reader.begin(tmp_path_factory.mktemp("reader"), made)


@pytest.fixture(scope="session")
def reader(bare: Reader) -> Reader:
    """The same after every step of the README's "A real server"."""
    for command in steps():
        if command.endswith(" site.yml"):
            # Where nothing is installed yet, what is found too late has changed something.
            bare.refused = bare.play("site.yml", version=NO_VERSION)
        bare.said[command] = succeeded(bare.type(command))
    return bare


@pytest.fixture(scope="session")
def shipped(reader: Reader) -> Reader:
    """The same without the simulator's variables: of the trial, the exchange's address and the limits remain."""
    succeeded(reader.edit("trial.yml", "/^simulator_/d"))
    succeeded(reader.edit("vault.yml", "/^simulator_/,/-----END/d"))
    return reader
