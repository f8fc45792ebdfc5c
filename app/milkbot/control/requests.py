"""An act as one line of JSON, and its answer as another: what the operator's page and the service that acts say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST = 16_384
"""Bytes of a line at most."""
_Text = Annotated[str, Field(max_length=1000)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Halt(_Request):
    """Stop trading."""

    act: Literal["halt"] = "halt"
    reason: _Text


class Resume(_Request):
    """End these holds."""

    act: Literal["resume"] = "resume"
    reason: _Text
    holds: Annotated[tuple[int, ...], Field(min_length=1)]


class CancelAll(_Request):
    """Cancel every resting order."""

    act: Literal["cancel-all"] = "cancel-all"


class CloseFinding(_Request):
    """Close a finding."""

    act: Literal["close-finding"] = "close-finding"
    finding: int
    note: _Text


class AcceptTerms(_Request):
    """Accept changed terms."""

    act: Literal["accept-terms"] = "accept-terms"
    fingerprints: Annotated[tuple[str, ...], Field(min_length=1)]
    reason: _Text


Act = Annotated[Halt | Resume | CancelAll | CloseFinding | AcceptTerms, Field(discriminator="act")]


class Request(_Request):
    """Who wants what."""

    actor: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    wanted: Act


class Answer(BaseModel):
    """Whether the act was done, and what it said: the sentences in their order, an error's last."""

    done: bool
    said: list[str]
