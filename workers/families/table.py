"""The families that a worker serves by default."""

from workers.families.diffusion import Diffusion
from workers.families.family import Family
from workers.families.stylegan2 import StyleGan2

FAMILIES: tuple[Family, ...] = (StyleGan2(), Diffusion())
"""The first family also reads built-in generators whose about.json names none."""
