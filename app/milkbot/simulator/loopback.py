"""Who may steer the simulator: the machine itself, nobody else."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request
from starlette.responses import JSONResponse


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine."""
    host = request.client.host if request.client else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def forbidden() -> JSONResponse:
    """The answer to everyone else."""
    return JSONResponse({"error": {"code": "forbidden", "message": "only from the machine itself"}}, 403)
