"""Errors of pydantic as one line that an operator can read."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

NOT_UNDERSTOOD: Final = (ValueError, ArithmeticError)
"""What a value of the wire may raise: a number may also be too large for a decimal's digits, or for a date."""


def reason(error: Exception) -> str:
    """An error in one line; pydantic's own text spans many and repeats the whole input."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
    return str(error)
