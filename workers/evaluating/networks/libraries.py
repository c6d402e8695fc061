"""The only imports of segmentation-models-pytorch and timm, which are optional and take seconds to import."""

import importlib
from typing import Any

from contracts.errors.jobs import InputMissing

INSTALL = "pip install -c constraints.txt --group downstream"
"""What an operator runs. The wheel has the same packages as the extra `downstream`."""


def import_smp(*, instead: str) -> Any:  # noqa: ANN401 - a module without types
    """Return segmentation-models-pytorch. Raise `InputMissing` where it cannot be imported.

    `instead` is what a user may do without the operator.
    """
    return _imported("segmentation_models_pytorch", instead)


def import_timm(*, instead: str) -> Any:  # noqa: ANN401 - a module without types
    """Return timm. Raise `InputMissing` where it cannot be imported."""
    return _imported("timm", instead)


def _imported(name: str, instead: str) -> Any:  # noqa: ANN401 - a module without types
    try:
        return importlib.import_module(name)
    # RuntimeError: torchvision does not fit torch ("operator torchvision::nms does not exist").
    except (ImportError, RuntimeError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise InputMissing(
            f"This worker cannot import {name} ({reason}). Ask the operator to install the extra `downstream`"
            f" ({INSTALL}), or {instead}."
        ) from error
