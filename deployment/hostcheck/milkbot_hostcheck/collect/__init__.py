"""What is asked of a host. Each module lists its questions; none of them changes anything."""

from __future__ import annotations

from milkbot_hostcheck.asking import Question
from milkbot_hostcheck.collect import (
    configuration,
    database,
    host,
    journals,
    network,
    nginx,
    probes,
    release,
    units,
)


def of_the_health_check() -> list[Question]:
    """Those that rows read. Each is asked when the first row needs it."""
    return [*units.questions(), *nginx.questions(), *host.questions(), *network.questions()]


def questions(hours: int) -> list[Question]:
    """All of them, the slow ones first; journals are read that many hours back."""
    return [
        *release.questions(),
        *host.questions(),
        *journals.questions(hours),
        *database.questions(),
        *network.questions(),
        *units.questions(),
        *configuration.questions(),
        *nginx.questions(),
        *probes.questions(),
    ]
