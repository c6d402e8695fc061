"""Keypoints between bytes, arrays and pictures: [k, 3] float32 of x and y in pixels and COCO's visibility."""

import numpy as np
from numpy.typing import NDArray

from contracts.labelsets import StoredKeypoints
from contracts.schemas import KeypointSchema
from handsoff_shards.writing import encode_keypoints
from workers.codecs.images import Pixels

Points = NDArray[np.float32]

DOT_SHARE = 1 / 160
"""Half the width of a drawn dot as a share of the picture's height."""
SEEN_COLOUR, COVERED_COLOUR = (255, 230, 0), (130, 130, 130)


def decode_points(data: bytes) -> Points:
    """The points of one image as the app has stored them."""
    stored = StoredKeypoints.model_validate_json(data)
    rows = [(point.x, point.y, point.visibility) for point in stored.points]
    return np.array(rows, dtype=np.float32)


def encode_points(points: Points, visibility: NDArray[np.uint8], schema: KeypointSchema) -> bytes:
    """Generated points [k, 3] (x, y, confidence) as a shard's `.keypoints.json`, which an upload takes as well."""
    return encode_keypoints(schema.names, points, visibility)


def reference_px(points: Points, schema: KeypointSchema, px: tuple[int, int]) -> float:
    """The length by which errors in one image are judged: PCK@0.1 asks for a tenth of it.

    The distance of the schema's two reference points where both are labelled (head_top and chin: the head's height);
    else the height of the box around all labelled points; for a single point the image's own height.
    """
    labelled = points[:, 2] > 0
    if schema.reference is not None:
        first, second = (schema.names.index(name) for name in schema.reference)
        if labelled[first] and labelled[second]:
            return float(np.hypot(*(points[first, :2] - points[second, :2]))) or float(px[0])
    heights = points[labelled, 1]
    return float(np.ptp(heights)) if len(heights) > 1 and np.ptp(heights) > 0 else float(px[0])


def draw_points(picture: Pixels, points: Points) -> Pixels:
    """A copy of an RGB picture with a dot at every labelled point: bright where it is seen, grey where covered."""
    drawn = picture.copy()
    radius = round(DOT_SHARE * picture.shape[0])
    for x, y, visibility in points.tolist():
        if visibility:
            column, row = int(x), int(y)
            rows = slice(max(0, row - radius), row + radius + 1)
            columns = slice(max(0, column - radius), column + radius + 1)
            drawn[rows, columns] = SEEN_COLOUR if visibility > 1 else COVERED_COLOUR
    return drawn
