"""Addresses and records of machines."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import TYPE_CHECKING

import pytest

from localvps import machine as machines
from localvps.errors import VpsError
from localvps.machine import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from localvps.config import Config
    from localvps.machine import Machine


def test_the_local_machine_keeps_the_address_of_its_static_inventory(
    config: Config, new_machine: Callable[[str], Machine]
) -> None:
    new_machine("other")
    assert machines.free_address(config, "local") == config.subnet[10]


def test_no_address_is_given_twice(config: Config, new_machine: Callable[[str], Machine]) -> None:
    taken = {new_machine(name).address for name in ("one", "two")}
    assert machines.free_address(config, "three") not in taken


def test_a_full_subnet_is_reported_with_its_remedy(config: Config, new_machine: Callable[[str], Machine]) -> None:
    small = dataclasses.replace(config, subnet=ipaddress.IPv4Network("10.89.0.0/28"))
    for number in range(4):
        new_machine(f"m{number}")
    with pytest.raises(VpsError, match="MILKBOT_VPS_SUBNET"):
        machines.free_address(small, "one-more")


def test_a_record_is_read_as_it_was_written(config: Config, new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine("one").with_snapshots((Snapshot("clean", "layer-1"),))
    machine.save()
    assert machines.find(config, "one") == machine


def test_an_unknown_machine_is_reported_with_the_command_that_makes_it(config: Config) -> None:
    with pytest.raises(VpsError, match="bin/vps create nobody"):
        machines.get(config, "nobody")
