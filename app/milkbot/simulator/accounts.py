"""The accounts that may trade on the simulator: public keys only."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from milkbot.errors import ConfigError
from milkbot.simulator.engine.records import Account
from milkbot.venue.signing import load_public_key

_USERS = uuid.UUID("0f5b7b56-2a2f-5d0e-8b0d-5a4f0c3f9a11")
OPEN_ACCOUNT_BALANCE = Decimal(1000)


class AccountEntry(BaseModel):
    """One row of the accounts file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: Annotated[str, Field(min_length=1)]
    public_key_pem: str
    balance_dollars: Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]

    @field_validator("public_key_pem")
    @classmethod
    def _is_a_key(cls, pem: str) -> str:
        load_public_key(pem)
        return pem

    def new_account(self) -> Account:
        """The account as it begins."""
        return Account(self.key_id, self.public_key_pem, str(uuid.uuid5(_USERS, self.key_id)), self.balance_dollars)


_ENTRIES = TypeAdapter(list[AccountEntry])


def read_accounts(path: Path) -> list[AccountEntry]:
    """The accounts of a JSON file. Raises ConfigError that names the file and the field."""
    try:
        return _ENTRIES.validate_python(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigError([f"--accounts {path} cannot be read: {error.strerror}"]) from None
    except json.JSONDecodeError as error:
        raise ConfigError([f"--accounts {path} is no JSON: {error}"]) from None
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, row['loc'])) or 'file'}: {row['msg']}" for row in error.errors()]
        raise ConfigError([f"--accounts {path}, {row}" for row in rows]) from None


def open_account(text: str) -> AccountEntry:
    """The account of KEYID:PEMFILE, with a thousand dollars. Raises ConfigError that names what is wrong."""
    key_id, _, file = text.partition(":")
    if not key_id or not file:
        raise ConfigError([f"--open-account is {text!r}, expected KEYID:PEMFILE (the file of a public key)"])
    try:
        pem = Path(file).read_text("utf-8")
        return AccountEntry(key_id=key_id, public_key_pem=pem, balance_dollars=OPEN_ACCOUNT_BALANCE)
    except OSError as error:
        raise ConfigError([f"--open-account {file} cannot be read: {error.strerror}"]) from None
    except ValidationError:
        raise ConfigError([f"--open-account {file} is no PEM public key of kind RSA or Ed25519"]) from None
