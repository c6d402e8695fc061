"""Colors of a portrait, RGB in [0, 1]. They are chosen to separate neighbouring classes."""

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from examples.portraits.classes import Material

Color = tuple[float, float, float]

_SKIN_TONES: tuple[Color, ...] = (
    (1.00, 0.86, 0.76),
    (0.96, 0.78, 0.64),
    (0.87, 0.66, 0.50),
    (0.72, 0.50, 0.36),
    (0.54, 0.35, 0.25),
    (0.42, 0.27, 0.20),
)
_HAIR_TONES: tuple[Color, ...] = (
    (0.07, 0.06, 0.07),
    (0.16, 0.10, 0.07),
    (0.30, 0.18, 0.10),
    (0.45, 0.20, 0.09),
    (0.58, 0.40, 0.20),
    (0.88, 0.74, 0.42),
    (0.70, 0.70, 0.72),
)
_HAIR_SHARES = (0.24, 0.20, 0.18, 0.10, 0.09, 0.12, 0.07)
_IRIS_TONES: tuple[Color, ...] = (
    (0.30, 0.17, 0.08),
    (0.20, 0.38, 0.62),
    (0.25, 0.45, 0.28),
    (0.38, 0.38, 0.40),
)


@dataclass(frozen=True)
class Palette:
    """Two colors per material. A supersample's `mix` interpolates from the first to the second."""

    first: dict[Material, Color]
    second: dict[Material, Color]
    lens: Color


def blend(one: Color, other: Color, share: float) -> Color:
    """Interpolate from `one` (share 0) to `other` (share 1)."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def scale(color: Color, *factors: float) -> Color:
    """Multiply a color by one factor, or by one factor per channel."""
    three = factors * 3 if len(factors) == 1 else factors
    red, green, blue = (min(c * f, 1.0) for c, f in zip(color, three, strict=True))
    return red, green, blue


def luminance(color: Color) -> float:
    """Return the luminance with Rec. 709 weights."""
    return 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]


def difference(one: Color, other: Color) -> float:
    """Return the Euclidean distance in RGB."""
    return math.dist(one, other)


def pick_distinct(
    rng: np.random.Generator,
    saturation: tuple[float, float],
    value: tuple[float, float],
    others: Sequence[Color],
) -> Color:
    """Return the one of six random colors that is farthest from the nearest of `others`."""
    numbers = rng.random((6, 3))
    candidates = [
        colorsys.hsv_to_rgb(
            float(h),
            saturation[0] + float(s) * (saturation[1] - saturation[0]),
            value[0] + float(v) * (value[1] - value[0]),
        )
        for h, s, v in numbers
    ]
    if not others:
        return candidates[0]
    return max(candidates, key=lambda color: min(difference(color, o) for o in others))


def _skin_tone(rng: np.random.Generator) -> Color:
    position = float(rng.beta(1.0, 1.3)) * (len(_SKIN_TONES) - 1)
    lower = min(int(position), len(_SKIN_TONES) - 2)
    tone = blend(_SKIN_TONES[lower], _SKIN_TONES[lower + 1], position - lower)
    return scale(tone, 1.0, float(rng.uniform(0.96, 1.04)), float(rng.uniform(0.92, 1.04)))


def _hair_tone(rng: np.random.Generator, skin: Color) -> Color:
    tone = _HAIR_TONES[int(rng.choice(len(_HAIR_TONES), p=_HAIR_SHARES))]
    tone = scale(tone, float(rng.uniform(0.85, 1.15)))
    # Hair as bright as the skin has no visible edge at 64 px, so it is made darker.
    close = abs(luminance(tone) - luminance(skin)) < 0.2
    return scale(tone, 0.45) if close else tone


def draw_palette(rng: np.random.Generator) -> Palette:
    """Draw all colors of one portrait."""
    skin = _skin_tone(rng)
    hair = _hair_tone(rng, skin)
    iris = _IRIS_TONES[int(rng.choice(4, p=(0.5, 0.22, 0.16, 0.12)))]
    background = pick_distinct(rng, (0.08, 0.5), (0.3, 0.95), (skin, hair))
    cloth = pick_distinct(rng, (0.25, 0.85), (0.15, 0.9), (skin, hair, background))
    collar = pick_distinct(rng, (0.0, 0.7), (0.2, 0.98), (skin, cloth))
    hat = pick_distinct(rng, (0.6, 0.95), (0.35, 0.9), (skin, hair, background))
    frame = pick_distinct(rng, (0.2, 0.9), (0.03, 0.35), (skin,))
    lens = pick_distinct(rng, (0.3, 0.8), (0.1, 0.5), (skin,))
    lips = blend(scale(skin, 0.85, 0.5, 0.52), (0.72, 0.12, 0.2), float(rng.uniform(0.1, 0.7)))
    first: dict[Material, Color] = {
        Material.BACKGROUND: background,
        Material.SKIN: skin,
        Material.HAIR: scale(hair, 0.75),
        Material.SCLERA: (0.95, 0.95, 0.94),
        Material.IRIS: iris,
        Material.PUPIL: (0.05, 0.04, 0.05),
        Material.BROW: blend(scale(hair, 0.55), scale(skin, 0.25), 0.35),
        Material.NOSE: scale(skin, 0.93, 0.80, 0.76),
        Material.NOSTRIL: scale(skin, 0.42, 0.30, 0.28),
        Material.LIPS: lips,
        Material.MOUTH_INSIDE: scale(lips, 0.3),
        Material.NECK: scale(skin, 0.84, 0.80, 0.80),
        Material.CLOTH: cloth,
        Material.COLLAR: collar,
        Material.FRAME: frame,
        Material.HAT: hat,
        Material.HAT_BAND: scale(hat, 0.45),
    }
    second = dict(first)
    second[Material.BACKGROUND] = blend(background, (1.0, 1.0, 1.0), float(rng.uniform(-0.25, 0.4)))
    second[Material.SKIN] = blend(skin, (0.85, 0.3, 0.28), 0.35)
    second[Material.HAIR] = blend(scale(hair, 1.35), (1.0, 0.95, 0.85), 0.08)
    second[Material.CLOTH] = collar
    second[Material.MOUTH_INSIDE] = (0.96, 0.94, 0.9)
    return Palette(first, second, lens)
