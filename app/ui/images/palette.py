"""The color of each class: the schema's, or the palette of PASCAL VOC, as in shards."""

from contracts.schemas import Color, LabelSchema


def color_of(labels: LabelSchema, index: int) -> Color:
    """Return the color of a class by its index."""
    if labels.colors is not None and index < len(labels.colors):
        return labels.colors[index]
    return _voc_color(index)


def hex_of(color: Color) -> str:
    """Return a color as `#rrggbb`."""
    return "#" + "".join(f"{channel:02x}" for channel in color)


def _voc_color(index: int) -> Color:
    """The bits of the index go to red, green and blue in turn, highest bit first."""
    red, green, blue = (
        sum(((index >> (3 * place + channel)) & 1) << (7 - place) for place in range(3))
        for channel in range(3)
    )
    return red, green, blue
