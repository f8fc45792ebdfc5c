"""A diagnosis, the judges that make them, and their order: what is the root of the rest comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from milkbot_hostcheck.collection import Collection


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, the lines or figures that say so, the likely cause, and the commands that correct it.

    `serious` is false for what does no harm yet. `follows` names the diagnoses, also found, that explain this one.
    """

    name: str
    title: str
    evidence: tuple[str, ...]
    cause: str
    remedy: tuple[str, ...]
    serious: bool = True
    follows: tuple[str, ...] = ()


Judging = Callable[[Collection], Diagnosis | None]


@dataclass(frozen=True)
class Judge:
    """A function that finds one kind of trouble. Where one of `explained_by` is found too, it is a consequence."""

    find: Judging
    explained_by: frozenset[str]


# Every judge, by the modules' own order; causes/__init__.py orders the modules.
ENTERED: list[Judge] = []

# Groups of roots, to be named in `explained_by`.
DISK = frozenset({"disk-full", "inodes-full", "disk-read-only", "disk-errors"})
MACHINE = DISK | {"out-of-memory"}
DATABASE = frozenset(
    {
        "postgresql-no-space",
        "postgresql-stopped",
        "postgresql-starting",
        "postgresql-silent",
        "postgresql-full",
        "database-missing",
        "database-closed",
        "role-missing",
        "access-rules-broken",
        "access-refused",
        "password-wrong",
        "rights-missing",
        "schema-mismatch",
        "blocked",
    }
)
SETTINGS = frozenset({"env-missing", "env-unreadable", "env-broken", "mode-and-exchange", "exchange-key-file"})
RELEASE = frozenset({"current-dangling", "environment-broken", "import-error"})
NETWORK = frozenset({"no-route", "names-fail", "unreachable"})


def judge(*explained_by: str | frozenset[str]) -> Callable[[Judging], Judging]:
    """Enter a function into the judges, in the order of their definition."""
    names = frozenset[str]().union(*({given} if isinstance(given, str) else given for given in explained_by))

    def enter(find: Judging) -> Judging:
        ENTERED.append(Judge(find, names))
        return find

    return enter


def diagnose(collection: Collection, judges: Iterable[Judge]) -> list[Diagnosis]:
    """Everything that is wrong: roots before what follows from them, harm before risk, then the judges' own order."""
    found = [(judge, diagnosis) for judge in judges if (diagnosis := _asked(judge, collection)) is not None]
    serious = {diagnosis.name for _, diagnosis in found if diagnosis.serious}
    linked = []
    for judge, diagnosis in found:
        roots = tuple(sorted((judge.explained_by & serious) - {diagnosis.name}))
        linked.append(replace(diagnosis, follows=roots))
    return sorted(linked, key=lambda diagnosis: (not diagnosis.serious, bool(diagnosis.follows)))


def _asked(judge: Judge, collection: Collection) -> Diagnosis | None:
    try:
        return judge.find(collection)
    except Exception as error:  # noqa: BLE001 - a text that one judge does not understand must not silence the others
        return Diagnosis(
            "not-judged",
            f"{judge.find.__name__.replace('_', ' ')} could not be judged",
            (f"{type(error).__name__}: {error}",),
            "what was collected has a form that this program does not know",
            ("look at the archive, and report it with these lines",),
            serious=False,
        )
