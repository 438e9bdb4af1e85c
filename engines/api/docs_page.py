"""The API's document as a plain page: no script and nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

# Nothing may be fetched or run; the page is text.
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem}"
    "code,pre{font:0.9rem/1.5 ui-monospace,monospace}"
    "pre{background:#eef2ee;color:#14231a;padding:0.75rem;overflow-x:auto}"
    "section{border-top:1px solid #8a978e;margin-top:2rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:0.3rem 0.6rem 0.3rem 0;"
    "border-bottom:1px solid #c4cdc6}"
    "@media(prefers-color-scheme:dark){body{background:#111813;color:#e6ece7}"
    "a{color:#8fd0a5}pre{background:#1d2820;color:#e6ece7}}"
)
_CONTENT = ("application/json", "multipart/form-data", "text/event-stream", "text/plain")


def docs_html(document: Mapping[str, Any]) -> str:
    """Write an OpenAPI document as HTML, with an example call of each address."""
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    title = escape(document["info"]["title"])
    links = "".join(
        f'<li><a href="#{_anchor(path)}"><code>{method.upper()} {escape(path)}</code></a> '
        f"{escape(operation.get('summary', ''))}</li>"
        for path, method, operation in operations
    )
    sections = "".join(_section(document, *operation) for operation in operations)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        f"<p>{escape(document['info']['description'])}</p>"
        '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI '
        f"{escape(document['openapi'])}).</p><ul>{links}</ul>{sections}</main></body></html>"
    )


def _section(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> str:
    example, rows = _call(document, path, method, operation)
    table = ""
    if rows:
        table = (
            '<table><thead><tr><th scope="col">Field</th><th scope="col">Type</th>'
            f'<th scope="col">Meaning</th></tr></thead><tbody>{rows}</tbody></table>'
        )
    replies = "".join(
        f"<li><strong>{escape(status)}</strong> {escape(reply['description'])}"
        f"{_reply_type(reply)}</li>"
        for status, reply in operation["responses"].items()
    )
    return (
        f'<section id="{_anchor(path)}"><h2><code>{method.upper()} {escape(path)}</code></h2>'
        f"<p>{escape(operation.get('description', ''))}</p><pre>{escape(example)}</pre>{table}"
        f"<details><summary>Replies</summary><ul>{replies}</ul></details></section>"
    )


def _call(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> tuple[str, str]:
    """Write an example call for the shell, and the rows of its fields."""
    content = operation.get("requestBody", {}).get("content", {})
    base = f"curl http://127.0.0.1:7860{path}"
    for kind, body in content.items():
        schema = _resolved(document, body["schema"])
        fields = {name: _resolved(document, field) for name, field in schema["properties"].items()}
        required = set(schema.get("required", ()))
        rows = "".join(_row(name, field, name in required) for name, field in fields.items())
        if kind == "multipart/form-data":
            parts = "".join(f" -F {name}=@photo.jpg" for name in fields if name in required)
            return base + parts, rows
        sample = {
            name: fields[name].get("examples", ["..."])[0] for name in fields if name in required
        }
        return f"{base} -H 'Content-Type: application/json' -d '{json.dumps(sample)}'", rows
    return base, ""


def _row(name: str, field: Mapping[str, Any], is_required: bool) -> str:
    words = str(field.get("description", ""))
    if not is_required and field.get("default") not in (None, []):
        words = f"{words} Default: {field['default']}.".strip()
    return (
        f"<tr><th scope='row'><code>{escape(name)}</code>{' (needed)' if is_required else ''}"
        f"</th><td>{escape(_type(field))}</td><td>{escape(words)}</td></tr>"
    )


def _type(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(part) for part in field["anyOf"] if part.get("type") != "null")
    if "enum" in field:
        return ", ".join(str(value) for value in field["enum"])
    if field.get("format") == "binary" or "contentMediaType" in field:
        return "file"
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return str(field.get("type", "value"))


def _reply_type(reply: Mapping[str, Any]) -> str:
    for kind in _CONTENT:
        schema = reply.get("content", {}).get(kind, {}).get("schema", {})
        if "$ref" in schema:
            return f" <code>{escape(schema['$ref'].rpartition('/')[2])}</code>"
    return ""


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference inside the document."""
    while "$ref" in schema:
        part: Any = document
        for key in schema["$ref"].removeprefix("#/").split("/"):
            part = part[key]
        schema = part
    return schema


def _anchor(path: str) -> str:
    return path.strip("/").replace("/", "-").replace(".", "-")
