"""A tick that may die between any two of its steps: a request sent, a reply read, a transaction committed."""

from __future__ import annotations

from sqlalchemy import Engine, event


class KilledError(BaseException):
    """The process is gone. No handler of the trader may see it, so it is no Exception."""


class Lifeline:
    """Counts steps; at the one that was named, and at every one after it, it raises KilledError."""

    def __init__(self) -> None:
        self.steps = 0
        self._left: int | None = None
        self._dead = False

    @property
    def cut(self) -> bool:
        """Whether the tick was killed."""
        return self._dead

    def start(self, steps: int | None) -> None:
        """A new process, which dies after that many steps; None for one that lives."""
        self.steps, self._left, self._dead = 0, steps, False

    def step(self) -> None:
        """One more step."""
        self.steps += 1
        if self._left is not None and self.steps > self._left:
            self._dead = True
        self.hold()

    def hold(self) -> None:
        """What only the living may do."""
        if self._dead:
            raise KilledError

    def bind(self, engine: Engine) -> None:
        """A commit is a step, and the dead ask the database nothing."""
        event.listen(engine, "commit", lambda _: self.step())
        event.listen(engine, "before_cursor_execute", lambda *_: self.hold())
