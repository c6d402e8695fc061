"""The population of portraits: the range or share of every trait.

Seed and index determine the traits of a portrait. The built-in generator was trained on this
population, so train it again after a change here.
"""

import math
from typing import get_args

import numpy as np

from examples.portraits.colors import draw_palette
from examples.portraits.traits import (
    Body,
    CollarStyle,
    Face,
    Glasses,
    Hair,
    HairStyle,
    Hat,
    HatStyle,
    Light,
    Portrait,
    Pose,
)

GLASSES_SHARE = 0.05
HAT_SHARE = 0.03
_HAIR_SHARES = (0.24, 0.16, 0.1, 0.14, 0.2, 0.1, 0.06)


class _Draw:
    """Draws Python floats from one random stream, because NumPy scalars would widen float32 planes."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def clipped_normal(self, spread: float, limit: float) -> float:
        return float(np.clip(self.rng.normal(0.0, spread), -limit, limit))

    def bernoulli(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)


def draw_portrait(seed: int, index: int) -> Portrait:
    """Draw portrait number `index` of a seed, independently of all others."""
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
    draw = _Draw(rng)
    has_glasses, has_hat = draw.bernoulli(GLASSES_SHARE), draw.bernoulli(HAT_SHARE)
    pose = _pose(draw)
    return Portrait(
        pose=pose,
        face=_face(draw),
        hair=_hair(draw),
        body=_body(draw, pose),
        light=_light(draw),
        palette=draw_palette(rng),
        glasses=_glasses(draw) if has_glasses else None,
        hat=_hat(draw) if has_hat else None,
    )


def _pose(draw: _Draw) -> Pose:
    return Pose(
        x=32.0 + draw.clipped_normal(1.2, 3.0),
        y=29.0 + draw.clipped_normal(0.9, 2.0),
        yaw=draw.clipped_normal(0.30, 0.65),
        pitch=draw.clipped_normal(0.11, 0.25),
        roll=draw.clipped_normal(0.09, 0.22),
    )


def _face(draw: _Draw) -> Face:
    smile = draw.clipped_normal(0.04, 0.08) + 0.03
    is_open = draw.bernoulli(0.3)
    return Face(
        radius_x=draw.uniform(15.0, 17.5),
        radius_y=draw.uniform(18.5, 21.0),
        jaw=draw.uniform(0.05, 0.3),
        eye_u=draw.uniform(0.36, 0.42),
        eye_v=draw.uniform(-0.06, 0.04),
        eye_width=draw.uniform(0.2, 0.25),
        eye_height=draw.uniform(0.085, 0.14),
        eye_tilt=draw.clipped_normal(0.1, 0.2),
        gaze=draw.clipped_normal(0.04, 0.08),
        brow_rise=draw.uniform(0.2, 0.27),
        brow_thickness=draw.uniform(0.045, 0.075),
        brow_tilt=draw.clipped_normal(0.12, 0.25),
        nose_top=draw.uniform(0.0, 0.06),
        nose_tip=draw.uniform(0.32, 0.4),
        nose_width=draw.uniform(0.15, 0.22),
        nose_height=draw.uniform(0.14, 0.24),
        mouth_v=draw.uniform(0.6, 0.66),
        mouth_width=draw.uniform(0.28, 0.4),
        mouth_height=draw.uniform(0.085, 0.115) + (0.03 if is_open else 0.0),
        smile=smile,
        mouth_open=draw.uniform(0.4, 0.62) if is_open else 0.12,
        teeth=float(is_open and draw.bernoulli(0.6)),
    )


def _hair(draw: _Draw) -> Hair:
    styles = get_args(HairStyle)
    style: HairStyle = styles[int(draw.rng.choice(len(styles), p=_HAIR_SHARES))]
    low, high, arch, temple, sideburn, length, volume = _HAIR_TABLE[style]
    return Hair(
        style=style,
        volume=volume + draw.uniform(-0.02, 0.04),
        line=draw.uniform(low, high),
        arch=arch + draw.uniform(-0.1, 0.1),
        slant=draw.uniform(0.25, 0.45) * (-1.0) ** draw.bernoulli(0.5)
        if style == "parted"
        else draw.clipped_normal(0.05, 0.1),
        temple=temple + draw.uniform(-0.05, 0.05),
        sideburn=sideburn + draw.uniform(-0.08, 0.08),
        length=length + draw.uniform(-0.12, 0.25),
        strands=draw.uniform(9.0, 15.0),
        phase=draw.uniform(0.0, 2.0 * math.pi),
    )


# style: hairline from, to, arch, temple, sideburn, length, volume
_HAIR_TABLE: dict[HairStyle, tuple[float, float, float, float, float, float, float]] = {
    "short": (-0.66, -0.52, 0.25, 0.32, 0.05, 0.0, 1.09),
    "parted": (-0.62, -0.52, 0.35, 0.32, 0.1, 0.0, 1.12),
    "fringe": (-0.40, -0.34, 0.05, 0.40, 0.2, 0.0, 1.12),
    "bob": (-0.60, -0.38, 0.30, 0.48, 0.75, 0.9, 1.17),
    "long": (-0.66, -0.48, 0.45, 0.45, 0.9, 1.5, 1.15),
    "curly": (-0.60, -0.48, 0.25, 0.38, 0.25, 0.45, 1.24),
    "bald": (-1.20, -1.10, 0.00, 0.22, 0.15, 0.0, 1.04),
}


def _body(draw: _Draw, pose: Pose) -> Body:
    collars = get_args(CollarStyle)
    collar: CollarStyle = collars[int(draw.rng.choice(4, p=(0.4, 0.22, 0.16, 0.22)))]
    return Body(
        x=pose.x - 4.0 * math.sin(pose.roll) + draw.clipped_normal(0.8, 1.6),
        shoulder_y=pose.y + draw.uniform(24.5, 27.0),
        shoulder_width=draw.uniform(23.0, 30.0),
        drop=draw.uniform(3.5, 7.5),
        neck_width=draw.uniform(7.0, 9.0),
        collar=collar,
        neckline=draw.uniform(2.5, 5.0) if collar == "round" else draw.uniform(6.5, 9.5),
        stripes=draw.uniform(2.6, 4.0) if draw.bernoulli(0.12) else 0.0,
    )


def _light(draw: _Draw) -> Light:
    x, y = draw.clipped_normal(0.5, 0.9), -0.45 + draw.clipped_normal(0.2, 0.4)
    norm = math.sqrt(x * x + y * y + 0.8 * 0.8)
    ambient, warmth = draw.uniform(0.5, 0.68), 0.02 + draw.clipped_normal(0.025, 0.05)
    return Light(
        x / norm,
        y / norm,
        0.8 / norm,
        ambient=ambient,
        diffuse=1.08 - ambient,
        tint=(1.0 + warmth, 1.0, 1.0 - warmth),
    )


def _glasses(draw: _Draw) -> Glasses:
    return Glasses(
        width=draw.uniform(0.29, 0.33),
        height=draw.uniform(0.2, 0.26),
        thickness=draw.uniform(0.26, 0.36),
        roundness=2.0 if draw.bernoulli(0.5) else 4.0,
        tint=draw.uniform(0.3, 0.85),
    )


def _hat(draw: _Draw) -> Hat:
    style: HatStyle = "beanie" if draw.bernoulli(0.5) else "brim"
    return Hat(
        style=style,
        line=draw.uniform(-0.48, -0.36),
        volume=draw.uniform(1.18, 1.28),
        brim=draw.uniform(1.4, 1.6),
    )
