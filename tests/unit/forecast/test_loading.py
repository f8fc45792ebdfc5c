"""Finding a forecaster by its name: one door for this package's and for everybody's."""

from __future__ import annotations

import pytest
from tests.forecaster_packages import BODY, Install
from tests.unit.forecast.moments import event, quote

from milkbot.domain import forecasters
from milkbot.forecast.forecaster import UnknownForecasterError, load, parameters_hash


@pytest.mark.parametrize("name", ["anchored", "market", "normal"])
def test_this_packages_forecasters_come_by_their_entry_points(name: str) -> None:
    assert load(name).name == name


def test_a_forecaster_of_another_package_comes_the_same_way(install: Install) -> None:
    install("mine", BODY.format(name="mine", parameters={"weight": 0.5}))
    found = load("mine")
    assert (found.name, found.version, found.parameters) == ("mine", "3", {"weight": 0.5})
    assert found.forecast(event(quote("0.20", "0.30"), quote("0.70", "0.80"))) == [1.0, 1.0]


def test_an_unknown_name_is_answered_with_those_that_are_installed() -> None:
    with pytest.raises(
        UnknownForecasterError, match="no forecaster 'norma'; installed are anchored, market, normal; use one"
    ):
        load("norma")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise RuntimeError('no model file')", "own_package 1.0 cannot be used: RuntimeError: no model file"),
        ("class Own: pass", "cannot be used: AttributeError"),
        (BODY.format(name="yours", parameters={}), "calls itself 'yours'; use the entry point's name"),
        (
            BODY.format(name="mine", parameters={"when": object}).replace("<class 'object'>", "object"),
            "not JSON serial",
        ),
    ],
    ids=["does not import", "is no forecaster", "has another name", "has parameters that JSON has not"],
)
def test_one_that_cannot_be_used_is_named_with_its_package(install: Install, body: str, said: str) -> None:
    install("mine", body)
    with pytest.raises(UnknownForecasterError, match=said):
        load("mine")


def test_a_name_that_two_packages_claim_is_refused(install: Install) -> None:
    install("mine", BODY.format(name="mine", parameters={}))
    install("mine", BODY.format(name="mine", parameters={}), "other_package")
    with pytest.raises(ValueError, match=r"two packages have a forecaster mine: .*_package 1.0 and .*_package 1.0"):
        forecasters.installed()


def test_the_hash_of_parameters_changes_with_a_value_not_with_the_order() -> None:
    made = parameters_hash({"a": 2.0, "b": 1})
    assert made == parameters_hash({"b": 1, "a": 2.0})
    assert made != parameters_hash({"a": 2.0, "b": 2})
