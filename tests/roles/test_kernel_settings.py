"""The kernel's settings: in effect, not in a file, and no further than this host lets anybody set them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.roles.modules import ask

WANTED = {"net.ipv4.tcp_syncookies": 1, "kernel.not_there": 2}


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """A kernel that has one of the settings, with another value."""
    (tmp_path / "net/ipv4").mkdir(parents=True)
    (tmp_path / "net/ipv4/tcp_syncookies").write_text("0\n", "utf-8")
    return tmp_path


def _set(shown: Path, *, check: bool = False, **wanted: Any) -> dict[str, Any]:
    return ask("hardening/library/kernel_settings.py", check=check, settings=wanted or WANTED, top=str(shown))


def test_what_differs_is_set_and_what_this_kernel_has_not_is_left(shown: Path) -> None:
    answer = _set(shown)
    assert answer["done"] == {"net.ipv4.tcp_syncookies": "set from 0 to 1"}
    assert answer["left"] == {"kernel.not_there": "this kernel has it not"}
    assert (shown / "net/ipv4/tcp_syncookies").read_text("utf-8") == "1\n"
    assert _set(shown)["changed"] is False


def test_check_mode_names_what_would_be_set(shown: Path) -> None:
    assert _set(shown, check=True)["done"] == {"net.ipv4.tcp_syncookies": "set from 0 to 1"}
    assert (shown / "net/ipv4/tcp_syncookies").read_text("utf-8") == "0\n"
