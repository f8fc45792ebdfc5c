"""The exchange's OpenAPI document as JSON schemas: which body an operation may answer with."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

SPEC = "spec/kalshi_openapi_3.28.0_reassembled.yaml"
"""The document among the shared data."""
_URI = "urn:exchange"
GONE = {"EventData": {"available_on_brokers"}}
"""Fields that the exchange has stopped sending since this document."""
_checker = FormatChecker(formats=())


@_checker.checks("date-time")
def _is_moment(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def nameless(path: str) -> str:
    """A path whose names are all the same."""
    return re.sub(r"\{[^}]*\}", "{}", path)


class ExchangeDocument:
    """The document, read once."""

    def __init__(self, path: Path) -> None:
        document = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
        for schema, names in GONE.items():
            node = document["components"]["schemas"][schema]
            node["required"] = [name for name in node["required"] if name not in names]
        self._document = _with_null(document)
        resource = DRAFT202012.create_resource(self._document)
        self._registry: Registry[Any] = Registry().with_resource(_URI, resource)

    def problems(self, method: str, path: str, status: int, body: object) -> list[str]:
        """What is wrong with a reply. Raises KeyError for an operation or status that the document does not have."""
        reply = self._document["paths"][path][method.lower()]["responses"][str(status)]
        if "$ref" in reply:
            reply = self._document["components"]["responses"][reply["$ref"].rsplit("/", 1)[-1]]
        schema = reply["content"]["application/json"]["schema"]
        anchored = _anchored(schema)
        validator = Draft202012Validator(anchored, registry=self._registry, format_checker=_checker)
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(body)]


def _with_null(node: Any) -> Any:
    """OpenAPI 3.0 writes `nullable`, JSON Schema a union with null."""
    if isinstance(node, list):
        return [_with_null(part) for part in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _with_null(part) for name, part in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def _anchored(node: Any) -> Any:
    """Local references made to point into the document."""
    if isinstance(node, list):
        return [_anchored(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {name: _URI + part if name == "$ref" else _anchored(part) for name, part in node.items()}
