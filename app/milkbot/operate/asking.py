"""Ask the service that acts: this process may only read, and holds no key."""

from __future__ import annotations

import socket
from pathlib import Path

from pydantic import ValidationError

from milkbot.control.requests import Act, Answer, Request

SECONDS = 120
"""An act at the exchange takes a while; nothing takes longer."""
_NOT_REACHED = (
    "nothing was done: the service that acts cannot be reached ({}); on the server: systemctl status "
    "milkbot-act.socket, or type the command there"
)
_NO_ANSWER = (
    "it is not known whether this was done: no answer came. Look at the acts below, and on the server: "
    "journalctl -u 'milkbot-act@*'"
)


def ask(address: Path, actor: str, wanted: Act) -> Answer:
    """One act by that actor. Where no answer came, the act may have been done: then the answer says that."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SECONDS)
        try:
            connection.connect(str(address))
        except OSError as error:
            return Answer(done=False, said=[_NOT_REACHED.format(error.strerror or error)])
        try:
            connection.sendall(Request(actor=actor, wanted=wanted).model_dump_json().encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as replies:
                return Answer.model_validate_json(replies.read())
        except (OSError, ValidationError):
            return Answer(done=False, said=[_NO_ANSWER])
