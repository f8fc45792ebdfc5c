"""`milkbot forecaster`: which forecasters are installed, a package to begin one's own with, and the default's fit."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from pathlib import Path
from string import Template
from typing import Annotated, Final

import typer

from milkbot.cli.context import settings_of_host
from milkbot.cli.fit_forecaster import fit
from milkbot.cli.tables import show
from milkbot.domain import forecasters
from milkbot.errors import ExitCode, MilkbotError
from milkbot.forecast.answers import FailedError, LateError
from milkbot.forecast.forecaster import UnknownForecasterError
from milkbot.forecast.host import Host
from milkbot.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Name = Annotated[str, typer.Argument(help="Its name: a small letter, then small letters, digits and _.")]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FILES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "src/milkbot_forecaster_$name/__init__.py": "forecaster.py",
    "src/milkbot_forecaster_$name/py.typed": None,
    "tests/test_$name.py": "test.py",
}
"""The files of a package, and the text in `new_forecaster` that each is made of."""

forecaster = typer.Typer(help="Forecasters: what is installed, and one of your own.")
forecaster.callback()(lambda: None)
forecaster.command()(fit)


@forecaster.command("list")
def list_installed(as_json: Json = False) -> None:
    """Show the installed forecasters: live trades, shadow only counts. Exit 1 if one of them cannot be used."""
    settings = settings_of_host("cli", quiet=True, needed=frozenset())
    try:
        names = list(forecasters.installed())
    except ValueError as error:
        raise MilkbotError(str(error)) from error
    rows = [_row(name, settings) for name in names]
    show("Forecasters", ("name", "use", "version", "parameters", "package", "problem"), rows, as_json=as_json)
    if any(problem for *_, problem in rows):
        raise typer.Exit(ExitCode.FAILED)


@forecaster.command()
def new(name: Name) -> None:
    """Write a package with a forecaster that begins at the market, and a test that scores it, into ./NAME."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise MilkbotError(f"the name is {name!r}; use a small letter, then small letters, digits and _ (40 at most)")
    if name in forecasters.installed():
        raise MilkbotError(f"a forecaster {name} is installed already; use another name")
    top = Path(name)
    try:
        top.mkdir()
    except FileExistsError:
        raise MilkbotError(f"{top} is there already; use another name, or another directory") from None
    texts = resources.files("milkbot.cli").joinpath("new_forecaster")
    for path, text in _FILES.items():
        file = top / Template(path).substitute(name=name)
        file.parent.mkdir(parents=True, exist_ok=True)
        content = "" if text is None else texts.joinpath(f"{text}.txt").read_text("utf-8")
        file.write_text(Template(content).substitute(name=name, dashed=name.replace("_", "-")), "utf-8")
    typer.echo(f"{top} holds the package milkbot-forecaster-{name.replace('_', '-')}; try: cd {top} && pytest -s")


def _row(name: str, settings: Settings) -> tuple[str, str, str, str, str, str]:
    package = forecasters.package_of(forecasters.installed()[name])
    use = "live" if name == settings.forecaster else "shadow" if name in settings.forecaster_shadow else ""
    try:
        with Host(name) as host:
            found = host.identify()
    except (UnknownForecasterError, FailedError, LateError) as error:
        return name, use, "", "", package, str(error)
    return name, use, found.version, found.parameters_hash, package, ""
