"""Checks that a row of `contracts/kinds.py` is complete: names, models, ids and tasks agree."""

from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts.ids import is_prefix, new_id

OTHER_PREFIXES = ("upload", "labelset", "stream")
"""The prefixes of ids that are not ids of jobs."""


def check_row(
    name: str,
    models: tuple[type[BaseModel], type[BaseModel]],
    id_type: Any,  # noqa: ANN401 - a type
    num_tasks: int,
) -> None:
    """Raise `ValueError` for an invalid row. `models` are request and manifest; the message says what to change."""
    if not is_prefix(name) or name in OTHER_PREFIXES:
        raise ValueError(
            f"expected a kind's name of lower-case letters and digits that is none of"
            f" {', '.join(OTHER_PREFIXES)}, got {name!r}; rename the kind"
        )
    for model in models:
        field = model.model_fields.get("kind")
        if field is None or field.default != name:
            raise ValueError(
                f"expected {model.__name__} to have the kind {name!r}; add the field"
                f' kind: Literal["{name}"] = "{name}"'
            )
    ids: TypeAdapter[str] = TypeAdapter(id_type)
    try:
        ids.validate_python(new_id(name))
    except ValidationError as error:
        raise ValueError(
            f"expected the field id of {models[0].__name__} to accept {new_id(name)!r};"
            f' declare it with the pattern id_pattern("{name}")'
        ) from error
    if not num_tasks:
        raise ValueError(f"expected at least one task for the kind {name!r}; add one to its row")
