"""Classes of a mask, and the materials that a portrait is painted with.

Every material belongs to one class, so a mask is exact by construction.
"""

from enum import IntEnum

IMAGE_PX = 64
IGNORE_INDEX = 255


class Part(IntEnum):
    """Classes of a mask. The value is the pixel's index in the mask."""

    BACKGROUND = 0
    SKIN = 1
    HAIR = 2
    EYES = 3
    BROWS = 4
    NOSE = 5
    MOUTH = 6
    NECK = 7
    CLOTHING = 8
    GLASSES = 9
    HAT = 10


CLASS_NAMES = tuple(part.name.lower() for part in Part)

# Color of each class in overlays and palette PNGs, in class order.
CLASS_COLORS = (
    (40, 40, 48),
    (255, 205, 148),
    (150, 75, 0),
    (0, 160, 255),
    (90, 30, 130),
    (255, 140, 60),
    (220, 20, 60),
    (200, 160, 110),
    (60, 180, 75),
    (0, 230, 230),
    (240, 50, 230),
)


class Material(IntEnum):
    """Materials of a supersample. Each has two colors, see `colors.Palette`."""

    BACKGROUND = 0
    SKIN = 1
    HAIR = 2
    SCLERA = 3
    IRIS = 4
    PUPIL = 5
    BROW = 6
    NOSE = 7
    NOSTRIL = 8
    LIPS = 9
    MOUTH_INSIDE = 10
    NECK = 11
    CLOTH = 12
    COLLAR = 13
    FRAME = 14
    HAT = 15
    HAT_BAND = 16


MATERIAL_PART = {
    Material.BACKGROUND: Part.BACKGROUND,
    Material.SKIN: Part.SKIN,
    Material.HAIR: Part.HAIR,
    Material.SCLERA: Part.EYES,
    Material.IRIS: Part.EYES,
    Material.PUPIL: Part.EYES,
    Material.BROW: Part.BROWS,
    Material.NOSE: Part.NOSE,
    Material.NOSTRIL: Part.NOSE,
    Material.LIPS: Part.MOUTH,
    Material.MOUTH_INSIDE: Part.MOUTH,
    Material.NECK: Part.NECK,
    Material.CLOTH: Part.CLOTHING,
    Material.COLLAR: Part.CLOTHING,
    Material.FRAME: Part.GLASSES,
    Material.HAT: Part.HAT,
    Material.HAT_BAND: Part.HAT,
}
