"""Who acts: the name that the record of an operator's act keeps."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

LOGIN = Path("/proc/self/loginuid")
_NO_LOGIN = 2**32 - 1
_NOT_OF_A_NAME = re.compile(r"[^\w.@-]")
_LONGEST_NAME = 32


def acting_user(environment: Mapping[str, str] = os.environ, login: Path = LOGIN) -> str:
    """The user who logged in, whatever sudo made of him: the kernel keeps that number, and only root could change it.

    Outside a login (a unit, a container that keeps none) the user of this process, then SUDO_USER as a claim: the
    caller may have set that variable. roles/lock does the same for the playbooks.
    """
    try:
        uid = int(login.read_text("ascii"))
    except (OSError, ValueError):
        uid = _NO_LOGIN
    if uid != _NO_LOGIN:
        return _name(uid)
    me = _name(os.getuid())
    claimed = _NOT_OF_A_NAME.sub("?", environment.get("SUDO_USER", ""))[:_LONGEST_NAME]
    return f"{me} (SUDO_USER says {claimed})" if claimed not in ("", me) else me


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
