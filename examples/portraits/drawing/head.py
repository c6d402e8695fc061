"""The head as a rotated ellipsoid: maps supersamples to points of the face, and back.

Face frame: u to the right, v downwards, w to the front, on the unit sphere. Rotation is in units of
head radii, so the face stays as wide as the head. The jaw narrows the lower half.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from examples.portraits.drawing.canvas import Box, Plane, box_around, coordinates
from examples.portraits.traits import Face, Light, Portrait, Pose

Measure = TypeVar("Measure", float, Plane)


def rotation(pose: Pose) -> list[list[float]]:
    """Return the matrix from the frame of the face to the viewer's: yaw first, then pitch."""
    sin_yaw, cos_yaw = math.sin(pose.yaw), math.cos(pose.yaw)
    sin_pitch, cos_pitch = math.sin(pose.pitch), math.cos(pose.pitch)
    return [
        [cos_yaw, 0.0, sin_yaw],
        [-sin_yaw * sin_pitch, cos_pitch, cos_yaw * sin_pitch],
        [-sin_yaw * cos_pitch, -sin_pitch, cos_yaw * cos_pitch],
    ]


@dataclass(frozen=True)
class Surface:
    """An ellipsoid around the head, seen from the canvas. All planes cover `box`."""

    box: Box
    a: Plane  # normal: to the right
    b: Plane  # normal: downwards
    c: Plane  # normal: at the viewer
    radius: Plane  # a ** 2 + b ** 2, below 1 inside the outline
    u: Plane
    v: Plane
    w: Plane
    shade: Plane  # light reflected by a matt surface

    def around(
        self, portrait: Portrait, centres: Sequence[tuple[float, float]], reach: float
    ) -> "Surface":
        """Crop to `reach` head radii around points (u, v), which makes small features faster to paint."""
        points = [project(portrait, u, v, math.sqrt(1.0 - u * u - v * v)) for u, v in centres]
        pad = reach * portrait.face.radius_y + 1.0
        left, right = min(x for x, _, _ in points) - pad, max(x for x, _, _ in points) + pad
        top, bottom = min(y for _, y, _ in points) - pad, max(y for _, y, _ in points) + pad
        return self._crop(box_around(left, top, right, bottom))

    def _crop(self, box: Box) -> "Surface":
        rows, columns = (
            slice(max(requested.start, own.start), min(requested.stop, own.stop))
            for requested, own in zip(box, self.box, strict=True)
        )
        top, left = self.box[0].start, self.box[1].start
        inner = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        planes = (self.a, self.b, self.c, self.radius, self.u, self.v, self.w, self.shade)
        return Surface((rows, columns), *(plane[inner] for plane in planes))


def surface(
    portrait: Portrait, volume: float = 1.0, *, margin: float = 1.0, flat_rim: bool = False
) -> Surface:
    """Return the ellipsoid of `volume` head radii, over a box `margin` times as large.

    With `flat_rim`, points outside the head use the frame of its outline. Without it, a layer that
    ends near the outline leaves detached slivers.
    """
    pose, face = portrait.pose, portrait.face
    box = _head_box(pose, face, volume * margin)
    p, q = rolled(pose, box)
    b = q / (face.radius_y * volume)
    lower = np.maximum(b, 0.0)
    a = p / (face.radius_x * volume * (1.0 - face.jaw * lower * lower))
    radius = a * a + b * b
    c = np.sqrt(np.maximum(1.0 - radius, 0.0))
    m = rotation(pose)
    near = c * (radius < 1.0 / (volume * volume)) if flat_rim else c
    u, v, w = (m[0][i] * a + m[1][i] * b + m[2][i] * near for i in range(3))
    return Surface(box, a, b, c, radius, u, v, w, shade=lambert(portrait.light, a, b, c))


def _head_box(pose: Pose, face: Face, volume: float) -> Box:
    reach_x, reach_y = face.radius_x * volume + 1.0, face.radius_y * volume + 1.0
    reach_x += abs(math.sin(pose.roll)) * (reach_y - reach_x) + 0.5
    return box_around(pose.x - reach_x, pose.y - reach_y, pose.x + reach_x, pose.y + reach_y)


def rolled(pose: Pose, box: Box) -> tuple[Plane, Plane]:
    """Return the offsets in pixels from the head's centre, in a frame that rolls with the head."""
    return unroll(pose, *coordinates(box))


def unroll(pose: Pose, x: Measure, y: Measure) -> tuple[Measure, Measure]:
    """Convert image pixels to pixels from the head's centre, for planes or one point."""
    sin, cos = math.sin(pose.roll), math.cos(pose.roll)
    return cos * (x - pose.x) + sin * (y - pose.y), cos * (y - pose.y) - sin * (x - pose.x)


def project(portrait: Portrait, u: float, v: float, w: float) -> tuple[float, float, float]:
    """Convert a point in the frame of the face to (x, y) in pixels and its height."""
    pose, face = portrait.pose, portrait.face
    a, b, c = (row[0] * u + row[1] * v + row[2] * w for row in rotation(pose))
    p = a * face.radius_x * (1.0 - face.jaw * max(b, 0.0) ** 2)
    q = b * face.radius_y
    sin, cos = math.sin(pose.roll), math.cos(pose.roll)
    return pose.x + cos * p - sin * q, pose.y + sin * p + cos * q, c


def lambert(light: Light, a: Plane | float, b: Plane | float, c: Plane | float) -> Plane:
    """Return ambient light plus the light reflected by a matt surface with normal (a, b, c)."""
    facing = light.x * a + light.y * b + light.z * c
    return np.float32(light.ambient) + np.float32(light.diffuse) * np.maximum(facing, 0.0)
