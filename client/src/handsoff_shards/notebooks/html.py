"""What Jupyter shows of jobs, batches and samples: tables and pictures as HTML. Every text is escaped; no script."""

import base64
import colorsys
import dataclasses
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PICTURE_PX = 128
MAX_TEXT = 300
_GOLDEN = 0.618034
_SIMPLE = (str, int, float, datetime)


class TableInNotebooks:
    """A dataclass that Jupyter shows as a table of its fields."""

    def _repr_html_(self) -> str:
        return table(type(self).__name__, facts_of(self))


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of two columns."""
    body = "".join(
        f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows
    )
    return f"<table><caption>{_text(title)}</caption>{body}</table>"


def facts_of(item: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any dataclass
    """Yield the fields of a dataclass that have a value, as text. Inner dataclasses become one line."""
    for field in dataclasses.fields(item):
        value = getattr(item, field.name)
        if not field.repr or value is None or value == "":
            continue
        if isinstance(value, datetime):
            yield field.name, f"{value:%Y-%m-%d %H:%M:%S}"
        elif isinstance(value, _SIMPLE):
            yield field.name, str(value)
        elif dataclasses.is_dataclass(value):
            inner = [text for _, text in facts_of(value)]
            yield field.name, ", ".join(inner)


def picture(pixels: NDArray[np.uint8], title: str) -> str:
    """Return an image [height, width, 3] as a PNG inside the HTML, with its pixels enlarged and not smoothed."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    style = f"image-rendering:pixelated;min-width:{PICTURE_PX}px;margin:2px"
    name = _text(title)
    return f'<img src="data:image/png;base64,{data}" alt="{name}" title="{name}" style="{style}">'


def colored(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return class indices [height, width] as colors [height, width, 3]. Class 0 is black, 255 white."""
    hues = [colorsys.hsv_to_rgb(index * _GOLDEN % 1, 0.7, 0.95) for index in range(256)]
    palette = (np.array(hues) * 255).astype(np.uint8)
    palette[0], palette[255] = 0, 255
    colors: NDArray[np.uint8] = palette[mask]
    return colors


def _text(text: object) -> str:
    return escape(str(text)[:MAX_TEXT], quote=True)
