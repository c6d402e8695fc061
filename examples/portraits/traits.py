"""Traits of one portrait: pose, face, hair, clothing, accessories, light, colors.

They are frozen values. `population.py` draws them, and `drawing/` paints them.
"""

from dataclasses import dataclass
from typing import Literal

from examples.portraits.colors import Palette

HairStyle = Literal["short", "parted", "fringe", "bob", "long", "curly", "bald"]
CollarStyle = Literal["round", "v", "turtle", "shirt"]
HatStyle = Literal["beanie", "brim"]


@dataclass(frozen=True)
class Pose:
    """Position of the head in pixels, and its rotation in radians."""

    x: float
    y: float
    yaw: float  # positive: the face turns to the right of the image
    pitch: float  # positive: the face looks down
    roll: float  # positive: clockwise


@dataclass(frozen=True)
class Face:
    """Sizes of the head in pixels, and of its features in head radii."""

    radius_x: float
    radius_y: float
    jaw: float  # by how much the chin is narrower
    eye_u: float
    eye_v: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    gaze: float
    brow_rise: float
    brow_thickness: float
    brow_tilt: float
    nose_top: float
    nose_tip: float
    nose_width: float
    nose_height: float
    mouth_v: float
    mouth_width: float
    mouth_height: float
    smile: float
    mouth_open: float  # 0 closed, up to 0.6 of the lips' height
    teeth: float  # 0 a dark mouth, 1 white teeth


@dataclass(frozen=True)
class Hair:
    """Hair. The hairline on the forehead is at `line + slant * u + arch * u ** 2`."""

    style: HairStyle
    volume: float  # the hair's radius in head radii
    line: float
    arch: float
    slant: float
    temple: float  # reach of the sides to the front
    sideburn: float  # reach of the sides downwards
    length: float  # reach of hanging hair downwards, in head radii
    strands: float
    phase: float


@dataclass(frozen=True)
class Body:
    """Neck and clothing, in pixels."""

    x: float
    shoulder_y: float
    shoulder_width: float
    drop: float
    neck_width: float
    collar: CollarStyle
    neckline: float
    stripes: float  # pixels per stripe, 0 for none


@dataclass(frozen=True)
class Glasses:
    """Glasses, in head radii. A lens tints the surface behind it."""

    width: float
    height: float
    thickness: float
    roundness: float
    tint: float


@dataclass(frozen=True)
class Hat:
    """A hat that begins at a line on the forehead."""

    style: HatStyle
    line: float
    volume: float
    brim: float


@dataclass(frozen=True)
class Light:
    """A directional light plus ambient light. (x, y, z) points towards the light."""

    x: float
    y: float
    z: float
    ambient: float
    diffuse: float
    tint: tuple[float, float, float]


@dataclass(frozen=True)
class Portrait:
    """All inputs of the renderer."""

    pose: Pose
    face: Face
    hair: Hair
    body: Body
    light: Light
    palette: Palette
    glasses: Glasses | None
    hat: Hat | None
