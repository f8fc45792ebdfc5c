"""What is asked of a host. Each module lists its questions; none of them changes anything."""

from __future__ import annotations

from milkbot_hostcheck.asking import Ask, Look
from milkbot_hostcheck.collect import (
    configuration,
    database,
    host,
    journals,
    network,
    nginx,
    probes,
    release,
    services,
)


def questions(hours: int) -> list[Ask | Look]:
    """All of them, the slow ones first; journals are read that many hours back."""
    return [
        *release.questions(),
        *host.questions(),
        *journals.questions(hours),
        *database.questions(),
        *network.questions(),
        *services.questions(),
        *configuration.questions(),
        *nginx.questions(),
        *probes.questions(),
    ]
