"""Checks of Python and JSON blocks that are not run: calls of the client exist, documents fit their models."""

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from app.decoding.protocol import UploadSchema
from app.usage.schemas import UsageView
from contracts.accounts.webhooks import Message
from handsoff_client import HandsOff
from tests.documentation.blocks import REPOSITORY

ROOMS = ("app", "client/src", "contracts", "models", "state", "workers")
INVENTED = {
    "AUDIT",
    "AuditManifest",
    "AuditRequest",
    "DRAWING",
    "DrawingFacts",
    "LimitedTenants",
    "NormalsTask",
}
INVENTED |= {"PREVIEWS", "UsageView"}
"""Names that a reader of docs/30-extending.md gives to new things."""


def _points(content: Any) -> None:
    assert {"name", "x", "y", "visibility"} == set(content["keypoints"][0])


MODELS: Mapping[str, Callable[[Any], object]] = {
    "labelset": lambda content: UploadSchema.model_validate({"name": "any"} | content),
    "keypoints": _points,
    "usage": lambda content: TypeAdapter(UsageView).validate_python(content),
    "message": lambda content: TypeAdapter(Message).validate_python(content),
}


def check_client(text: str) -> None:
    """Imports exist, and calls such as `client.fits.create(...)` have a method with these arguments."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("handsoff"):
            module = importlib.import_module(node.module)
            assert [one.name for one in node.names if not hasattr(module, one.name)] == []
    with HandsOff("http://127.0.0.1:9") as client:
        for names, keywords in _calls(tree):
            target: Any = client
            for name in names:
                target = getattr(target, name)
            known = inspect.signature(target).parameters
            is_open = any(one.kind is one.VAR_KEYWORD for one in known.values())
            assert is_open or keywords <= set(known), f"{names}: {keywords - set(known)}"


def _calls(tree: ast.AST) -> Iterator[tuple[list[str], set[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            root, _, path = ast.unparse(node.func).partition(".")
            if root in ("client", "handsoff") and path:
                yield path.split("."), {one.arg for one in node.keywords if one.arg}


def check_sketch(text: str) -> None:
    """The code parses, and capitalized names that it does not invent exist in the rooms."""
    tree = ast.parse(text)
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    used = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id[0].isupper()
    }
    assert sorted(used - defined - INVENTED - words_of_the_rooms()) == []


@cache
def words_of_the_rooms() -> frozenset[str]:
    """Return every capitalized word in the code of the service and the client."""
    paths = [path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py")]
    return frozenset(word for path in paths for word in re.findall(r"\b[A-Z]\w+", path.read_text()))
