"""The OpenAPI document, and a page that is made of it without a script. Both are the same for everybody."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from milkbot.analytics.service.schemas import Problem

_REFERENCES = "#/components/schemas/{model}"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;"
    "background:#fff}code{background:#eef1f4;padding:0 .2em}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ccd3da}"
    "div{overflow-x:auto}a{color:#0b57a4}@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#14181c}"
    "code{background:#262c33}a{color:#8ec2ff}th,td{border-color:#3a434c}}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document. FastAPI knows a model of errors only under application/json, so theirs is added here."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, problems = models_json_schema([(Problem, "serialization")], ref_template=_REFERENCES)
    found["components"]["schemas"] |= problems["$defs"]
    return found


def page(document: Mapping[str, Any]) -> bytes:
    """The document for a person to read."""
    parts = "".join([*_routes(document), "<h2>Fields</h2>", *_models(document["components"]["schemas"])])
    title = escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f"<h1>{title}</h1><p>{escape(document['info']['description'])}</p>"
        f'<p>For programs: <a href="openapi.json">openapi.json</a></p>{parts}</main></body></html>'
    ).encode()


def _routes(document: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(route.get('description', ''))}</p>"
            answer = route["responses"]["200"]["content"]["application/json"]["schema"]
            yield f"<p>Answers with {_type(answer)}.</p>"
            yield _table(
                ("parameter", "default", "what it is"),
                [
                    (
                        f"<code>{escape(one['name'])}</code>",
                        escape(str(one["schema"].get("default", ""))),
                        f"{_type(one['schema'])} {escape(one.get('description', ''))}",
                    )
                    for one in route.get("parameters", ())
                ],
            )


def _models(models: Mapping[str, Any]) -> Iterator[str]:
    for name, model in sorted(models.items()):
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(model.get("description", ""))}</p>'
        yield _table(
            ("field", "type", "what it is"),
            [
                (f"<code>{escape(field)}</code>", _type(schema), escape(_said(schema)))
                for field, schema in model.get("properties", {}).items()
            ],
        )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div><table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table></div>"


def _said(schema: Mapping[str, Any]) -> str:
    """What a field is: in its own words, or in those of its type."""
    words = [one["description"] for one in (schema, *schema.get("anyOf", ())) if "description" in one]
    return words[0] if words else ""


def _type(schema: Mapping[str, Any]) -> str:
    """What a value may be, as HTML; a model is a link."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "enum" in schema:
        return "one of " + ", ".join(f"<code>{escape(str(one) or 'empty')}</code>" for one in schema["enum"])
    bounds = " ".join(f"{sign} {schema[name]}" for name, sign in (("minimum", "≥"), ("maximum", "≤")) if name in schema)
    kind = schema.get("format", schema.get("type", schema.get("const", "")))
    return escape(f"{kind} {bounds}".strip())
