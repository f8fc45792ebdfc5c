"""Wrong configuration is refused with the name of the variable, before anything is made."""

from __future__ import annotations

import pytest

from localvps import config, machine
from localvps.errors import VpsError


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MILKBOT_VPS_BRIDGE", "much-too-long"),
        ("MILKBOT_VPS_BRIDGE", "a/b"),
        ("MILKBOT_VPS_SUBNET", "10.83.0.1/24"),
        ("MILKBOT_VPS_SUBNET", "10.0.0.0/8"),
        ("MILKBOT_VPS_SUBNET", "10.83.0.0/30"),
        ("MILKBOT_VPS_SUBNET", "here"),
        ("MILKBOT_VPS_ACCELERATOR", "xen"),
    ],
)
def test_a_wrong_variable_is_named_with_its_value(variable: str, value: str) -> None:
    with pytest.raises(VpsError) as error:
        config.load({variable: value})
    assert variable in str(error.value)
    assert value in str(error.value)


def test_the_host_has_the_first_address_of_the_subnet() -> None:
    assert str(config.load({"MILKBOT_VPS_SUBNET": "10.90.4.0/24"}).gateway) == "10.90.4.1"


@pytest.mark.parametrize("name", ["", "Upper", "../up", "1st", "a" * 41, "a b", "-a"])
def test_a_name_that_is_no_host_name_never_becomes_a_path(name: str) -> None:
    with pytest.raises(VpsError):
        machine.check_name(name)
