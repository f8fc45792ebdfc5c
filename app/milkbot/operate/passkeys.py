"""The two ceremonies of WebAuthn: enrolling a passkey by a link, and logging in by it."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from milkbot.operate.keys import Keys

ATTEMPT_SECONDS = 300
_REQUIRED = UserVerificationRequirement.REQUIRED


class RefusedError(Exception):
    """Who asked is not let in; the message is for the log."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    challenge: bytes
    link: str | None
    until: float


class Passkeys:
    """The ceremonies for one origin. Each has its own challenge, good for one answer by the browser that got it."""

    def __init__(self, keys: Keys, origin: str, most: int = 4096, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._origin = origin
        self._name = str(urlsplit(origin).hostname)
        self._most = most
        self._clock = clock
        self._attempts: OrderedDict[str, _Attempt] = OrderedDict()

    def begin_enrolment(self, link: str) -> tuple[str, str]:
        """The attempt's secret, and what the browser needs as JSON. Raises RefusedError for a link that is not good."""
        name = self._keys.name_of_link(link)
        if name is None:
            raise RefusedError("the link was used, is older than ten minutes, or never was")
        options = webauthn.generate_registration_options(
            rp_id=self._name,
            rp_name="Milkbot operator",
            user_name=name,
            # A device that enrols the same operator again replaces its own key.
            user_id=hashlib.sha256(name.encode()).digest(),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, require_resident_key=True, user_verification=_REQUIRED
            ),
        )
        return self._remember(options.challenge, link), webauthn.options_to_json(options)

    def finish_enrolment(self, attempt: str, credential: dict[str, Any]) -> str:
        """Keep the key, and use the link up: the operator's name. Raises RefusedError."""
        begun = self._take(attempt)
        if begun.link is None:
            raise RefusedError("an answer to another ceremony")
        try:
            made = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=begun.challenge,
                expected_rp_id=self._name,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError) as error:
            raise RefusedError(f"no key that can be enrolled: {error}") from None
        name = self._keys.enrol(begun.link, made.credential_id, made.credential_public_key, made.sign_count)
        if name is None:
            raise RefusedError("the link was used meanwhile, or the key is enrolled")
        return name

    def begin_login(self) -> tuple[str, str]:
        """The attempt's secret, and what the browser needs as JSON: it names no key, the device knows which it has."""
        options = webauthn.generate_authentication_options(rp_id=self._name, user_verification=_REQUIRED)
        return self._remember(options.challenge, None), webauthn.options_to_json(options)

    def finish_login(self, attempt: str, credential: dict[str, Any]) -> tuple[str, str]:
        """The operator's name, and the secret of a new session. Raises RefusedError."""
        begun = self._take(attempt)
        if begun.link is not None:
            raise RefusedError("an answer to another ceremony")
        try:
            key = self._keys.key(base64url_to_bytes(str(credential.get("id", ""))))
            if key is None:
                raise RefusedError("a key that is not enrolled")
            proved = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=begun.challenge,
                expected_rp_id=self._name,
                expected_origin=self._origin,
                credential_public_key=key.public_key,
                credential_current_sign_count=key.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError) as error:
            raise RefusedError(f"no proof of an enrolled key: {error}") from None
        session = self._keys.new_session(key, proved.new_sign_count)
        if session is None:
            raise RefusedError("the key was revoked, or used, meanwhile")
        return key.name, session

    def _remember(self, challenge: bytes, link: str | None) -> str:
        attempt = secrets.token_urlsafe(32)
        self._attempts[attempt] = _Attempt(challenge, link, self._clock() + ATTEMPT_SECONDS)
        while len(self._attempts) > self._most:
            self._attempts.popitem(last=False)
        return attempt

    def _take(self, attempt: str) -> _Attempt:
        """Use the attempt up, whatever comes of it."""
        found = self._attempts.pop(attempt, None)
        if found is None or self._clock() > found.until:
            raise RefusedError("no attempt of this browser that is open")
        return found
