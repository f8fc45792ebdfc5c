"""Only what came with the release was tested with it: a forecaster of another package must not pass for one."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version

from milkbot.domain.forecasters import GROUP, installed, is_own, package_of


def test_a_forecaster_of_this_package_is_its_own() -> None:
    assert is_own(installed()["normal"])
    assert package_of(installed()["normal"]) == f"milkbot {version('milkbot')}"


def test_an_entry_point_of_another_package_is_not_its_own() -> None:
    (other,) = entry_points(group="console_scripts", name="pytest")
    assert not is_own(other)
    assert package_of(other) == f"pytest {version('pytest')}"


def test_an_entry_point_of_no_known_package_is_not_its_own_and_named_by_its_module() -> None:
    alone = EntryPoint("mine", "own_package.sub:Own", GROUP)
    assert not is_own(alone)
    assert package_of(alone) == "own_package.sub"
