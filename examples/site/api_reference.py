"""Write the reference of the API as Markdown, from docs/openapi.json."""

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
_HEAD = """# API reference

This page is made from [openapi.json](openapi.json), which describes the API for programs. `/docs` of a running
service shows the same with forms. Errors are `application/problem+json` with a stable `code`.
"""
METHODS = ("get", "post", "put", "patch", "delete")


def text(document: Json) -> str:
    """Return the page: the routes by subject, then the fields of each schema."""
    parts = [_HEAD]
    by_tag: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                tag = (operation.get("tags") or ["service"])[0]
                by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    for tag, operations in by_tag.items():
        parts += [f"## {tag.capitalize()}\n", *operations]
    parts.append("## Schemas\n")
    parts += [_schema(name, one) for name, one in sorted(document["components"]["schemas"].items())]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Json) -> str:
    lines = [f"### `{method.upper()} {path}`\n", _plain(operation.get("summary", "")) + "\n"]
    if operation.get("description"):
        lines.append(_plain(operation["description"]) + "\n")
    rows = [
        f"| `{one['name']}` | {one['in']} | {_type(one.get('schema', {}))} | {_cell(one.get('description', ''))} |"
        for one in operation.get("parameters", [])
        if "name" in one
    ]
    if rows:
        lines.append(
            "| parameter | in | type | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        lines.append(f"Body `{kind}`: {_type(content.get('schema', {}))}\n")
    codes = ", ".join(f"`{code}`" for code in operation.get("responses", {}))
    lines.append(f"Responses: {codes}\n")
    return "\n".join(lines)


def _schema(name: str, schema: Json) -> str:
    lines = [f"### {name}\n", _plain(schema.get("description", "")) + "\n"]
    required = schema.get("required", [])
    rows = []
    for field, one in schema.get("properties", {}).items():
        mark = "" if field in required else " (optional)"
        rows.append(f"| `{field}`{mark} | {_type(one)} | {_cell(one.get('description', ''))} |")
    if rows:
        lines.append("| field | type | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(lines)


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[key]))
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{value}`" for value in values)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _plain(text: str) -> str:
    """Return text without characters that Markdown would read as HTML or links to nothing."""
    return re.sub(r"\[([^\]]*)\](?!\()", r"\\[\1\\]", text.replace("<", "&lt;"))


def _cell(text: str) -> str:
    return _plain(" ".join(text.split())).replace("|", "\\|")
