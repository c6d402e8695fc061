"""The color of each class: the schema's, else one of a palette whose neighbours differ on photographs.

Shards without colors in their schema have the palette of PASCAL VOC, whose first colors are dark on a dark image.
"""

from contracts.schemas import Color, LabelSchema

_PALETTE = (
    "2b3038 f59e52 5b8def 35c4a2 e5679a e9c847 a77be8 ef6a57 7f93ad 9bcc45 45c2ea c98f66 ff9fce 2fa05a 7a62f5 d3a3e6"
    " 66dcc8 b0413e ffd08a 4f6d8f"
)


def _parsed(text: str) -> Color:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


_COLORS = tuple(map(_parsed, _PALETTE.split()))


def color_of(labels: LabelSchema, index: int) -> Color:
    """Return the color of a class by its index. After the last color of the palette, its colors repeat, darker."""
    if labels.colors is not None and index < len(labels.colors):
        return labels.colors[index]
    red, green, blue = _COLORS[index % len(_COLORS)]
    shade = 1 / (1 + index // len(_COLORS) / 3)
    return round(red * shade), round(green * shade), round(blue * shade)


def hex_of(color: Color) -> str:
    """Return a color as `#rrggbb`."""
    return "#" + bytes(color).hex()
