"""The simulator's clock seen from a client: time that moves only when this clock lets it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from milkbot.errors import VenueUnavailableError
from milkbot.http import HttpSession, TransportError

STATE_PATH = "/simulator/state"
CLOCK_PATH = "/simulator/clock"


class SimulatorClock:
    """A Clock over the control address of one simulator. It is the only one that moves that simulator's time.

    Every method raises VenueUnavailableError when the simulator does not answer or refuses.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._session = HttpSession(origin, {"User-Agent": "milkbot virtual clock"})
        self._now: datetime | None = None

    @classmethod
    def of_exchange(cls, api_base: str) -> SimulatorClock:
        """The clock of the simulator that serves that exchange address."""
        parts = urlsplit(api_base)
        return cls(f"{parts.scheme}://{parts.netloc}")

    def now(self) -> datetime:
        """The virtual moment. Asked once: from then on nobody else moves it."""
        if self._now is None:
            self._now = datetime.fromisoformat(str(self._state()["now"]))
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let that much virtual time pass, at once."""
        self.advance_to(self.now() + timedelta(seconds=seconds))

    def uptime(self) -> float:
        """Virtual time too: it stands still where that does."""
        return self.now().timestamp()

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until a moment that is not before now."""
        answer = self._post({"mode": "virtual", "now": moment.isoformat()})
        self._now = datetime.fromisoformat(str(answer["now"]))

    def is_virtual(self) -> bool:
        """Whether the simulator's time waits to be moved."""
        return self._state()["mode"] == "virtual"

    def ends_at(self) -> datetime | None:
        """When nothing more happens: the end of a recorded day, None for a simulated world."""
        ends_at = self._state()["ends_at"]
        return None if ends_at is None else datetime.fromisoformat(str(ends_at))

    def set_wall(self) -> None:
        """Let the simulator follow the wall clock from now on."""
        self._post({"mode": "wall"})
        self._now = None

    def close(self) -> None:
        """Drop the connection."""
        self._session.close()

    def _state(self) -> dict[str, object]:
        return self._ask("GET", STATE_PATH, None)

    def _post(self, body: dict[str, str]) -> dict[str, object]:
        return self._ask("POST", CLOCK_PATH, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, object]:
        try:
            reply = self._session.send(method, path, body=body, headers={"Content-Type": "application/json"})
            answer = reply.json()
        except (TransportError, ValueError) as error:
            raise VenueUnavailableError(f"the simulator at {self._origin} gave no answer: {error}") from error
        if reply.status != HTTPStatus.OK or not isinstance(answer, dict):
            raise VenueUnavailableError(f"the simulator at {self._origin} refused {method} {path}: {reply.excerpt()}")
        return answer
