"""Filter: the files of a program that is kept as a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def program_files(source: str, target: str) -> list[dict[str, Any]]:
    """Directories and files of the program below `source`, for install_files to put below `target`."""
    top = Path(source)
    files = sorted(path for path in top.rglob("*") if path.is_file() and path.suffix != ".pyc")
    directories = sorted({path.parent for path in files})
    there = {path: str(Path(target) / path.relative_to(top)) for path in [*directories, *files]}
    return [
        *({"path": there[path], "mode": "0755"} for path in directories),
        *({"path": there[path], "content": path.read_text(encoding="utf-8")} for path in files),
    ]


class FilterModule:
    """What Ansible imports."""

    def filters(self) -> dict[str, Any]:
        return {"program_files": program_files}
